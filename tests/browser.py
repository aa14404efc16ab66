"""Headless Chromium, driven by its DevTools protocol over two pipes: no library, no port."""

import fcntl
import json
import os
import shutil
import signal
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
    "--disable-extensions",
]


class Tab:
    """One page. `errors` holds what its console said, `requests` the addresses that it asked for."""

    def __init__(self, send: int, receive: int) -> None:
        self.pipes, self.number, self.rest = (send, receive), 0, b""
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.loaded = 0
        self.session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        self.number += 1
        message = {"id": self.number, "method": method, "params": arguments}
        os.write(
            self.pipes[0], json.dumps(message | ({"sessionId": self.session} if self.session else {})).encode() + b"\0"
        )
        while True:
            answer = self._next()
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def open(self, address: str) -> None:
        before = self.loaded
        self.call("Page.navigate", url=address)
        while self.loaded == before:
            self._next()

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        for kind in ("keyDown", "keyUp"):
            down = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **down)

    def size(self, width: int, height: int, dark: bool = False) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path: Path, top: float = 0, height: float | None = None) -> None:
        """PNG of the page, or of a strip of it."""
        width, whole = self.run("[document.documentElement.clientWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": top, "width": width, "height": height or whole, "scale": 1}
        found = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        path.write_bytes(b64decode(found["data"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            part = os.read(self.pipes[1], 1 << 20)
            assert part, "the browser is gone"
            self.rest += part
        head, _, self.rest = self.rest.partition(b"\0")
        message: dict[str, Any] = json.loads(head)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, method: str | None, told: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.errors.append(str(told["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled":
            self.errors.append(str(told["args"]))
        elif method == "Log.entryAdded":
            self.errors.append(told["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif method == "Page.loadEventFired":
            self.loaded += 1


@contextmanager
def tab(profile: Path) -> Iterator[Tab]:
    """A tab of a new Chromium whose profile lies in the folder `profile`. It reads from its descriptor 3, writes to 4."""
    assert CHROMIUM
    (from_us, to_browser), (from_browser, to_us) = ([_high(end) for end in os.pipe()] for _ in range(2))
    actions = [(os.POSIX_SPAWN_DUP2, from_us, 3), (os.POSIX_SPAWN_DUP2, to_us, 4)]
    silent = [(os.POSIX_SPAWN_OPEN, out, os.devnull, os.O_WRONLY, 0) for out in (1, 2)]
    flags = [*FLAGS, f"--user-data-dir={profile}"]
    process = os.posix_spawn(CHROMIUM, [CHROMIUM, *flags], os.environ, file_actions=[*actions, *silent])
    os.close(from_us)
    os.close(to_us)
    try:
        yield Tab(to_browser, from_browser)
    finally:
        os.kill(process, signal.SIGTERM)
        os.waitpid(process, 0)
        os.close(to_browser)
        os.close(from_browser)


def _high(descriptor: int) -> int:
    """The same pipe under a number that stands in nobody's way; no child inherits it."""
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return high
