import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Site:
    """A web site on the loopback: path -> bytes, status or function of the handler; counts the requests."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes | int | Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        self.address = ""
        self.server: ThreadingHTTPServer

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(handler.path)
        page = self.pages.get(handler.path, 404)
        if callable(page):
            page(handler)
        elif isinstance(page, int):
            handler.send_error(page)
        else:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(page)))
            handler.end_headers()
            handler.wfile.write(page)


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.server = server
    found.address = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()
