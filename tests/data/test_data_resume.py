"""Downloads that are cut, killed, raced for or short of disk, and that go on from what has come."""

import datetime
import errno
import hashlib
import ipaddress
import os
import re
import resource
import signal
import ssl
import subprocess
import sys
import threading
import time

import making
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from stemma.data.entry import File
from stemma.data.fetching import download, fetch, transfer
from stemma.errors import StemmaError

DATA = bytes(i * i % 251 for i in range(1_000_000))
SIZE, SHA = len(DATA), making.sha(DATA)
CUT = SIZE * 95 // 100


class Ranged:
    """A page that honours Range and If-Range, is cut after so many bytes the first times, counts what it serves."""

    def __init__(self, data=DATA, *cuts, etag="", length=True, ranges=True, pause=0.0):
        self.data, self.cuts, self.etag = data, list(cuts), etag
        self.length, self.ranges, self.pause = length, ranges, pause
        self.served, self.asked = 0, []

    def __call__(self, handler):
        asked = handler.headers.get("Range", "") if self.ranges else ""
        self.asked.append(asked)
        mark = handler.headers.get("If-Range", self.etag)
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and mark == self.etag else 0
        if start >= len(self.data):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(self.data)}")
            handler.end_headers()
            return
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(self.data) - 1}/{len(self.data)}")
        if self.etag:
            handler.send_header("ETag", self.etag)
        if self.length:
            handler.send_header("Content-Length", str(len(self.data) - start))
        handler.end_headers()
        end = start + (self.cuts.pop(0) if self.cuts else len(self.data))
        for at in range(start, min(end, len(self.data)), 50_000):
            chunk = self.data[at : min(at + 50_000, end)]
            try:
                handler.wfile.write(chunk)
            except OSError:
                return
            self.served += len(chunk)
            time.sleep(self.pause)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(transfer, "WAITS", (0.0, 0.0, 0.0))


def wanted(site, *pages, sha=SHA, size=SIZE):
    for i, page in enumerate(pages):
        site.pages[f"/{i}/data.bin"] = page
    return (File("data.bin", sha, size, tuple(f"{site.address}{i}/data.bin" for i in range(len(pages)))),)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("length", [True, False], ids=["length", "until-close"])
def test_a_cut_connection_goes_on_at_the_same_address(site, tmp_path, length):
    page = Ranged(DATA, CUT, 10_000, length=length)
    assert fetch.fetch(wanted(site, page), tmp_path)["data.bin"].read_bytes() == DATA
    assert page.served == SIZE, "not one byte came twice"
    assert page.asked == ["", f"bytes={CUT}-", f"bytes={CUT + 10_000}-"]
    assert names(tmp_path) == ["data.bin"]


def test_waits_grow_until_the_address_is_given_up_and_the_next_goes_on(site, tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr(transfer, "WAITS", (1, 2, 3))
    monkeypatch.setattr(transfer.time, "sleep", waited.append)
    bad, good = Ranged(DATA, *[100_000] * 9), Ranged(DATA)
    assert fetch.fetch(wanted(site, bad, good), tmp_path)["data.bin"].read_bytes() == DATA
    assert [wait for wait in waited if wait] == [1, 2, 3]
    assert len(bad.asked) == 4 and good.asked == ["bytes=400000-"]
    assert bad.served + good.served == SIZE


def test_a_later_run_goes_on(site, tmp_path):
    page = Ranged(DATA, CUT, 0, 0, 0, 0)
    with pytest.raises(StemmaError, match="RemoteProtocolError"):
        fetch.fetch(wanted(site, page), tmp_path)
    assert names(tmp_path) == [".data.bin.part"] and (tmp_path / ".data.bin.part").stat().st_size == CUT
    page.cuts = []
    assert fetch.fetch(wanted(site, page), tmp_path)["data.bin"].read_bytes() == DATA
    assert page.served == SIZE and names(tmp_path) == ["data.bin"]


FETCH = """
import sys
from pathlib import Path
from stemma.data.fetching import fetch
from stemma.data.entry import File
fetch.fetch((File("data.bin", {sha!r}, {size}, ({url!r},)),), Path({folder!r}))
"""


def run(site, folder, sha=SHA, **more):
    code = FETCH.format(sha=sha, size=SIZE, url=f"{site.address}0/data.bin", folder=str(folder))
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, **more)


def test_a_killed_process_loses_next_to_nothing(site, tmp_path):
    page = Ranged(DATA, pause=0.01)
    wanted(site, page)
    process = run(site, tmp_path)
    while page.served < SIZE * 0.7:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    came = (tmp_path / ".data.bin.part").stat().st_size
    time.sleep(0.1)
    page.served, page.pause = 0, 0.0
    fetch.fetch(wanted(site, page), tmp_path)
    assert came > SIZE * 0.5 and page.asked[-1] == f"bytes={came}-"
    assert page.served == SIZE - came


def test_a_part_that_is_whole_already_needs_no_request(site, tmp_path):
    page = Ranged(DATA)
    (tmp_path / ".data.bin.part").write_bytes(DATA)
    assert fetch.fetch(wanted(site, page), tmp_path)["data.bin"].read_bytes() == DATA
    assert page.asked == []
    (tmp_path / "b").mkdir()
    (tmp_path / "b/.data.bin.part").write_bytes(DATA)
    assert fetch.fetch(wanted(site, page, size=None), tmp_path / "b")["data.bin"].read_bytes() == DATA
    assert page.asked == [f"bytes={SIZE}-"] and page.served == 0, "answered with 416 and the size"


@pytest.mark.parametrize("size", [SIZE, None])
@pytest.mark.parametrize("part", [DATA[:-1][::-1], DATA + b"more", b"x" * SIZE], ids=["other", "longer", "spoilt"])
def test_a_part_that_does_not_fit_is_dropped_and_all_fetched_once(site, tmp_path, part, size):
    page = Ranged(DATA)
    (tmp_path / ".data.bin.part").write_bytes(part)
    assert fetch.fetch(wanted(site, page, size=size), tmp_path)["data.bin"].read_bytes() == DATA
    assert page.asked[-1] == "" and page.served <= SIZE + 1 and names(tmp_path) == ["data.bin"]


def test_a_server_without_ranges_starts_anew(site, tmp_path):
    page = Ranged(DATA, CUT, ranges=False)
    assert fetch.fetch(wanted(site, page), tmp_path)["data.bin"].read_bytes() == DATA
    assert page.served == CUT + SIZE


def test_an_address_that_changes_meanwhile_is_not_spliced(site, tmp_path):
    other = DATA[::-1]

    class Changing(Ranged):
        def __call__(self, handler):
            super().__call__(handler)
            self.data, self.etag = other, '"2"'

    page = Changing(DATA, CUT, etag='"1"')
    found = fetch.fetch(wanted(site, page, sha=making.sha(other)), tmp_path / "a")["data.bin"].read_bytes()
    assert found == other and page.asked == ["", f"bytes={CUT}-"], "If-Range makes the server start anew"
    page = Changing(DATA, CUT, etag='"1"')
    found = fetch.fetch(wanted(site, page, sha=None, size=None), tmp_path / "b", allow_unverified=True)
    assert found["data.bin"].read_bytes() == other


def test_without_digest_and_etag_nothing_is_pieced_together(site, tmp_path):
    page = Ranged(DATA, CUT)
    (tmp_path / ".data.bin.part").write_bytes(b"old")
    with pytest.raises(StemmaError, match="RemoteProtocolError"):
        fetch.fetch(wanted(site, page, sha=None), tmp_path, allow_unverified=True)
    assert page.asked == [""]
    fetch.fetch(wanted(site, page, sha=None), tmp_path, allow_unverified=True)
    assert page.asked == ["", ""] and (tmp_path / "data.bin").read_bytes() == DATA


def test_an_archive_around_members_goes_on_too(site, tmp_path):
    packed = making.tar(tmp_path / "a.tar", {"top/data.bin": DATA}).read_bytes()
    page = Ranged(packed, len(packed) * 95 // 100, 0, 0)
    site.pages["/a.tar"] = page
    member = File("data.bin", SHA, SIZE, (site.address + "a.tar",), member="data.bin")
    with pytest.raises(StemmaError):
        fetch.fetch((member,), tmp_path / "d")
    page.cuts = []
    assert fetch.fetch((member,), tmp_path / "d")["data.bin"].read_bytes() == DATA
    assert page.served == len(packed) and names(tmp_path / "d") == ["data.bin"]


def test_two_processes_share_one_download(site, tmp_path):
    page = Ranged(DATA, pause=0.01)
    wanted(site, page)
    processes = [run(site, tmp_path) for _ in range(3)]
    for process in processes:
        assert process.wait() == 0, process.stderr.read().decode()
        process.stderr.close()
    assert (tmp_path / "data.bin").read_bytes() == DATA and names(tmp_path) == ["data.bin"]
    assert page.served == SIZE, "those that waited found it there"


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE // 2, SIZE // 2))


def test_a_file_that_cannot_grow_is_told_in_one_line(site, tmp_path):
    page = Ranged(DATA)
    wanted(site, page, page)
    process = run(site, tmp_path, preexec_fn=limit_files)
    said = process.communicate()[1].decode().strip().splitlines()[-1]
    assert said.endswith(f"Unwritable: {tmp_path}/data.bin: cannot be written: {os.strerror(errno.EFBIG)}")
    assert names(tmp_path) == [] and len(page.asked) == 1, "another mirror cannot help"


def test_a_full_disk(site, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"may not mount: {mounted.stderr.decode().strip()}")
    try:
        with pytest.raises(StemmaError, match=rf"{disk}/data.bin: cannot be written: No space left on device"):
            fetch.fetch(wanted(site, Ranged(DATA, length=False)), disk)
        assert names(disk) == []
        with pytest.raises(
            StemmaError, match=r"cannot be written: 1,000,000 bytes are to come, the disk has \d+,\d+ free"
        ):
            fetch.fetch(wanted(site, Ranged(DATA)), disk)
        packed = making.tar(tmp_path / "a.tar.gz", {"data.bin": bytes(SIZE)}).read_bytes()
        site.pages["/a.tar.gz"] = packed
        member = File("data.bin", making.sha(bytes(SIZE)), SIZE, (site.address + "a.tar.gz",), member="data.bin")
        with pytest.raises(StemmaError, match="No space left on device"):
            fetch.fetch((member,), disk)
        assert names(disk) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_folder_that_may_not_be_written(site, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StemmaError, match=r"file/d/data.bin: cannot be written: Not a directory"):
        fetch.fetch(wanted(site, Ranged(DATA)), tmp_path / "file/d")


def test_proxies_come_from_the_environment(site, tmp_path, monkeypatch):
    site.pages["http://data.example/data.bin"] = DATA
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, site.address)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    file = File("data.bin", SHA, SIZE, ("http://data.example/data.bin",))
    assert fetch.fetch((file,), tmp_path)["data.bin"].read_bytes() == DATA
    assert site.asked == ["http://data.example/data.bin"], "asked of the proxy, by its full address"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    fetch.fetch(wanted(site, Ranged(DATA)), tmp_path / "b")
    assert site.asked[1:] == ["/0/data.bin"], "NO_PROXY is asked directly"


def certificate(folder):
    """A key and a certificate for 127.0.0.1 that nobody but itself has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def test_certificates_are_checked_and_come_from_the_environment(site, tmp_path, monkeypatch):
    certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    site.server.socket = context.wrap_socket(site.server.socket, server_side=True)
    site.address = site.address.replace("http:", "https:")
    files = wanted(site, Ranged(DATA))
    with pytest.raises(StemmaError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch.fetch(files, tmp_path / "d")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    assert fetch.fetch(files, tmp_path / "d")["data.bin"].read_bytes() == DATA


def test_a_lock_outlives_the_rename(tmp_path):
    """Whoever waited for a part that became the target gets a new part, never the finished file."""
    order = []

    def later():
        with download.part(tmp_path / "x") as part:
            order.append((part.count, (tmp_path / "x").read_bytes()))

    with download.part(tmp_path / "x") as part:
        waiting = threading.Thread(target=later)
        waiting.start()
        part.add(b"done")
        time.sleep(0.05)
        assert order == []
        part.finish()
    waiting.join()
    assert order == [(0, b"done")] and names(tmp_path) == ["x"]
    assert hashlib.sha256((tmp_path / "x").read_bytes()).hexdigest() == making.sha(b"done")
