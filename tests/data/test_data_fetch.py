import threading

import httpx
import making
import pytest

from stemma.data import fetch
from stemma.data.entry import File
from stemma.errors import StemmaError

DATA = b"the bytes" * 1000
SHA = making.sha(DATA)


SIZE = len(DATA)


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
    ],
    ids=["html", "wrong", "short", "empty", "403", "404", "503", "hang-up", "endless"],
)
def test_a_bad_mirror_is_passed_over_and_told(site, tmp_path, page, said):
    site.pages |= {"/bad": page, "/good": DATA}
    paths = fetch.fetch((file(site.address + "bad", site.address + "good"),), tmp_path / "a")
    assert paths["data.bin"].read_bytes() == DATA
    with pytest.raises(StemmaError, match=said):
        fetch.fetch((file(site.address + "bad"),), tmp_path / "b")
    assert not list((tmp_path / "b").glob("*")), "nothing half-written stays"


def test_a_server_that_hangs_counts_as_failed(site, tmp_path, monkeypatch):
    release = threading.Event()
    site.pages |= {"/bad": lambda handler: release.wait(10), "/good": DATA}
    monkeypatch.setattr(fetch, "TIMEOUT", httpx.Timeout(0.2))
    paths = fetch.fetch((file(site.address + "bad", site.address + "good"),), tmp_path)
    release.set()
    assert paths["data.bin"].read_bytes() == DATA


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
