"""DVC remotes, as docs/versioning.md shows them: pushed here, pulled into a clone, nothing runs there."""

import asyncio
import hashlib
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest
from test_data_verify import make_project, run, state

from stemma.data.integrity import versions
from stemma.data.integrity.repair import repair
from stemma.data.integrity.verify import CACHE, verify

pytestmark = pytest.mark.slow


@pytest.fixture
def origin(tmp_path):
    return make_project(tmp_path / "origin")


def clone(origin: Path, folder: Path) -> Path:
    """What Git would carry: scripts, dvc.yaml, dvc.lock and .dvc/config; neither cache nor outputs."""
    (folder / ".dvc").mkdir(parents=True)
    for name in ("ingest.py", "train.py", "dvc.yaml", "dvc.lock", ".dvc/config"):
        shutil.copy(origin / name, folder / name)
    return folder


def check_round_trip(origin: Path, elsewhere: Path) -> None:
    """Push, clone, pull: the same bytes, nothing runs; and a changed stage finds its run in the run cache."""
    run(origin, "dvc", "push", "-q", "--run-cache")
    copy = clone(origin, elsewhere)
    assert [out.stage for out in verify(copy).absent] == ["ingest@grey", "ingest@text", "train", "train"]
    run(copy, "dvc", "pull", "-q", "--run-cache")
    right = {name: sha for name, sha in state(origin).items() if "downloads" not in name}
    assert state(copy) == right and verify(copy).faults == []
    assert "up to date" in run(copy, "dvc", "repro") and not (copy / "ran.txt").exists(), "nothing ran"
    (copy / "dvc.lock").unlink()
    run(copy, "dvc", "repro", "-q")
    assert not (copy / "ran.txt").exists(), "without dvc.lock the run cache knows the results"
    assert state(copy) == right


def test_a_folder(origin, tmp_path):
    run(origin, "dvc", "remote", "add", "-d", "store", str(tmp_path / "remote"))
    check_round_trip(origin, tmp_path / "copy")


class Server:
    """SFTP on the loopback below `root`, for one key, in a thread of its own."""

    def __init__(self, root: Path) -> None:
        self.root, self.port = root, 0
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.loop, self.ready = asyncio.new_event_loop(), threading.Event()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()
        self.ready.wait(20)

    def _serve(self) -> None:
        keys = asyncssh.import_authorized_keys(self.key.export_public_key().decode())

        def confined(channel: object) -> asyncssh.SFTPServer:
            return asyncssh.SFTPServer(channel, chroot=str(self.root))  # type: ignore[arg-type]

        async def start() -> None:
            server = await asyncssh.listen(
                "127.0.0.1",
                0,
                server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
                authorized_client_keys=keys,
                sftp_factory=confined,
                allow_scp=False,
            )
            self.port = server.get_port()
            self.ready.set()

        self.loop.create_task(start())
        self.loop.run_forever()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    (tmp_path / "served").mkdir()
    found = Server(tmp_path / "served")
    yield found
    found.stop()


def test_ssh(origin, tmp_path, server):
    pytest.importorskip("dvc_ssh")
    key = tmp_path / "key"
    server.key.write_private_key(key)
    key.chmod(0o600)
    run(origin, "dvc", "remote", "add", "-d", "store", f"ssh://me@127.0.0.1:{server.port}/store")
    run(origin, "dvc", "remote", "modify", "store", "keyfile", str(key))
    check_round_trip(origin, tmp_path / "copy")
    assert list((tmp_path / "served/store/files/md5").glob("*/*"))


def test_collecting_garbage_keeps_what_is_used(origin, tmp_path):
    before = set(versions.objects(versions.cache_folder(origin)))
    (origin / "data/downloads/toy/sample/toy.bin").write_bytes(b"other" * 1000)
    run(origin, "dvc", "repro", "-q", "-f")
    run(origin, "dvc", "gc", "--workspace", "-f", "-q")
    after = set(versions.objects(versions.cache_folder(origin)))
    assert before & after == {hashlib.md5(b"{}").hexdigest()}, "of the earlier results only what is equal"
    assert verify(origin).faults == [] and verify(origin).absent == []


def test_a_spoilt_remote_is_noticed(origin, tmp_path):
    """DVC takes what the remote sends; `verify` does not."""
    run(origin, "dvc", "remote", "add", "-d", "store", str(tmp_path / "remote"))
    run(origin, "dvc", "push", "-q")
    for path in (tmp_path / "remote/files/md5").glob("*/*"):
        if not path.name.endswith(".dir"):
            path.chmod(0o644)
            path.write_bytes(path.read_bytes()[:-1] + b"?")
    copy = clone(origin, tmp_path / "copy")
    versions.dvc(copy, "pull")
    assert len([fault for fault in verify(copy).faults if fault.what == CACHE]) > 3
    shutil.rmtree(tmp_path / "remote")
    commands = repair(copy, verify(copy)).commands
    assert commands == ["dvc repro ingest@grey", "dvc repro ingest@text", "dvc repro train"]
    assert [fault for fault in verify(copy).faults if fault.found != "missing"] == []
