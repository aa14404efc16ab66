import contextlib
import threading
import time

import making
import pytest

from stemma.data.entry import File
from stemma.data.fetching import fetch, transfer
from stemma.errors import StemmaError

DATA = b"the bytes" * 1000
SHA = making.sha(DATA)
SIZE = len(DATA)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(transfer, "WAITS", (0.0, 0.0))


def file(*urls, sha=SHA, size=SIZE, **more):
    return File("data.bin", sha, size, urls, **more)


def test_fetches_checks_and_keeps(site, tmp_path):
    site.pages["/data.bin"] = DATA
    for _ in range(2):
        paths = fetch.fetch((file(site.address + "data.bin"),), tmp_path)
    assert paths["data.bin"].read_bytes() == DATA
    assert site.asked == ["/data.bin"], "a file whose digest holds is not fetched again"
    paths["data.bin"].write_bytes(b"changed")
    fetch.fetch((file(site.address + "data.bin"),), tmp_path)
    assert paths["data.bin"].read_bytes() == DATA


def hang_up(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(DATA)))
    handler.end_headers()
    handler.wfile.write(DATA[:100])


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(10_000):
            handler.wfile.write(DATA)
    except OSError:
        return


def without_length(handler):
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(DATA[:-1])


def other_range(handler):
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes 5-{SIZE - 1}/{SIZE}")
    handler.end_headers()
    handler.wfile.write(DATA[5:])


def a_page(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html; charset=utf-8")
    handler.send_header("Content-Length", "5")
    handler.end_headers()
    handler.wfile.write(b"<html")


def in_circles(handler):
    handler.send_response(302)
    handler.send_header("Location", "/bad")
    handler.end_headers()


def to_a_local_file(handler):
    handler.send_response(302)
    handler.send_header("Location", "file:///etc/passwd")
    handler.end_headers()


def redirected(handler):
    handler.send_response(302)
    handler.send_header("Location", "/good")
    handler.end_headers()


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (b"<!DOCTYPE html><html>log in</html>".ljust(len(DATA)), "it is an HTML page"),
        (DATA[::-1], "SHA-256"),
        (DATA[:-1], "8,999 bytes instead of 9,000"),
        (b"", "0 bytes instead of"),
        (403, "HTTP 403"),
        (404, "HTTP 404"),
        (503, "HTTP 503"),
        (hang_up, "RemoteProtocolError"),
        (endless, "more than the expected 9,000 bytes"),
        (without_length, "8,999 bytes instead of 9,000"),
        (other_range, "HTTP 206"),
        (a_page, "5 bytes instead of 9,000 .it is an HTML page"),
        (in_circles, "TooManyRedirects"),
        (to_a_local_file, "UnsupportedProtocol"),
    ],
    ids=[
        *("html", "wrong", "short", "empty", "403", "404", "503", "hang-up", "endless"),
        *("no-length", "other-range", "page", "circles", "to-a-file"),
    ],
)
def test_a_bad_mirror_is_passed_over_and_told(site, tmp_path, page, said):
    site.pages |= {"/bad": page, "/good": DATA}
    paths = fetch.fetch((file(site.address + "bad", site.address + "good"),), tmp_path / "a")
    assert paths["data.bin"].read_bytes() == DATA
    with pytest.raises(StemmaError, match=said):
        fetch.fetch((file(site.address + "bad"),), tmp_path / "b")
    left = [path.name for path in (tmp_path / "b").iterdir()]
    assert left == ([".data.bin.part"] if page in (hang_up, without_length) else []), "only what can be gone on from"


def test_a_server_that_hangs_counts_as_failed(site, tmp_path, monkeypatch):
    release = threading.Event()
    site.pages |= {"/bad": lambda handler: release.wait(10), "/good": DATA}
    monkeypatch.setattr(transfer, "TIMEOUT", 0.2)
    paths = fetch.fetch((file(site.address + "bad", site.address + "good"),), tmp_path)
    release.set()
    assert paths["data.bin"].read_bytes() == DATA


def test_a_trickle_counts_as_failed_and_the_next_mirror_goes_on(site, tmp_path, monkeypatch):
    def trickle(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(SIZE))
        handler.end_headers()
        with contextlib.suppress(OSError):
            for byte in DATA[:100]:
                handler.wfile.write(bytes([byte]))
                time.sleep(0.02)

    site.pages |= {"/bad": trickle, "/good": DATA}
    monkeypatch.setattr(transfer, "TIMEOUT", 0.2)
    with pytest.raises(StemmaError, match="slower than 1,024 bytes a second"):
        fetch.fetch((file(site.address + "bad"),), tmp_path / "a")
    assert fetch.fetch((file(site.address + "good"),), tmp_path / "a")["data.bin"].read_bytes() == DATA


def test_redirects_are_followed_and_dead_hosts_passed_over(site, tmp_path):
    site.pages |= {"/moved": redirected, "/good": DATA}
    fetch.fetch((file("http://127.0.0.1:9/x", site.address + "moved"),), tmp_path)
    with pytest.raises(StemmaError, match=r"127.0.0.1:9/x: ConnectError"):
        fetch.fetch((file("http://127.0.0.1:9/x"),), tmp_path / "b")


def test_unknown_digest_needs_permission(site, tmp_path):
    site.pages["/data.bin"] = DATA
    unknown = file(site.address + "data.bin", sha=None, size=None)
    with pytest.raises(StemmaError, match="allow_unverified"):
        fetch.fetch((unknown,), tmp_path)
    assert site.asked == []
    assert fetch.fetch((unknown,), tmp_path, allow_unverified=True)["data.bin"].read_bytes() == DATA


def test_a_file_address_is_copied(tmp_path):
    (tmp_path / "mine").write_bytes(DATA)
    mine = file((tmp_path / "gone").as_uri(), (tmp_path / "mine").as_uri())
    assert fetch.fetch((mine,), tmp_path / "d")["data.bin"].read_bytes() == DATA
    with pytest.raises(StemmaError, match="No such file"):
        fetch.fetch((file((tmp_path / "gone").as_uri()),), tmp_path / "e")


def test_offline_opens_no_connection_and_lists_what_is_missing(site, tmp_path):
    site.pages["/data.bin"] = DATA
    here, member = file(site.address + "data.bin"), File("m", SHA, package="toy==1", member="a/m")
    with pytest.raises(StemmaError) as error:
        fetch.fetch((here, member), tmp_path, offline=True)
    assert site.asked == []
    assert str(error.value) == (
        f"offline, and not here or not as expected: {tmp_path}/data.bin (9,000 bytes from {site.address}data.bin); "
        f"{tmp_path}/m (size unknown from toy==1: a/m)"
    )
    fetch.fetch((here,), tmp_path)
    assert fetch.fetch((here,), tmp_path, offline=True) == {"data.bin": tmp_path / "data.bin"}


def test_a_password_in_an_address_is_not_told(site, tmp_path):
    address = site.address.replace("://", "://me:secret@") + "none"
    with pytest.raises(StemmaError, match="HTTP 404") as error:
        fetch.fetch((file(address),), tmp_path)
    assert "secret" not in str(error.value)


def test_an_announced_size_beyond_limit_or_disk_is_refused_before_it_comes(site, tmp_path, monkeypatch):
    def huge(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 50))
        handler.end_headers()

    site.pages["/huge"] = huge
    with pytest.raises(StemmaError, match="more than the limit of 8,589,934,592"):
        fetch.fetch((file(site.address + "huge", size=None),), tmp_path)
    monkeypatch.setattr(transfer, "MAX_BYTES", 1 << 60)
    with pytest.raises(StemmaError, match=r"data.bin: cannot be written: .* bytes are to come, the disk has .* free"):
        fetch.fetch((file(site.address + "huge", size=None),), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_members_of_an_archive_are_checked_one_by_one(site, tmp_path):
    packed = making.tar(tmp_path / "a.tar.gz", {"top/data.bin": DATA, "top/other": b"x"})
    site.pages["/a.tar.gz"] = packed.read_bytes()
    site.pages["/page"] = b"<html>gone</html>"
    member = file(site.address + "page", site.address + "a.tar.gz", member="data.bin")
    assert fetch.fetch((member,), tmp_path / "d")["data.bin"].read_bytes() == DATA
    wrong = file(site.address + "a.tar.gz", sha="0" * 64, member="data.bin")
    with pytest.raises(StemmaError, match="expected 0000"):
        fetch.fetch((wrong,), tmp_path / "e")
    missing = file(site.address + "a.tar.gz", member="absent.bin")
    with pytest.raises(StemmaError, match=r"holds no member absent.bin"):
        fetch.fetch((missing,), tmp_path / "f")
