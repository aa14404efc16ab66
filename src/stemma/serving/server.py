"""MLflow's scoring server for one model, on this computer: bodies of limited size, and a reason in one line for what
it refuses.
"""

import base64
import io
import json
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from types import FrameType
from typing import Any

import numpy as np

from stemma.errors import StemmaError

LARGEST_BODY = 8 << 20
"""Bytes."""
LARGEST_BATCH = 4096
"""Examples."""
LONGEST_REASON = 300
"""Characters."""
DRAIN = 60
"""Seconds that requests which are in flight have to end, as many as MLflow gives a request."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

log = logging.getLogger(__name__)


class Refused(Exception):
    """A request that is answered with `status` and a reason."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Bounded:
    """A pyfunc model as the server asks it: a batch has at most `largest` examples.

    What the body holds reaches the model as it is: MLflow's check against the signature would turn numbers and missing
    values into texts, and knows fewer forms than `inputs.prepare`.
    """

    def __init__(self, model: Any, largest: int) -> None:
        self.model, self.metadata, self.largest = model.unwrap_python_model(), model.metadata, largest

    def predict(self, data: Any) -> Any:
        from mlflow.exceptions import MlflowException

        count = _count(data)
        if count > self.largest:
            raise MlflowException.invalid_parameter_value(
                f"input: {count:,} examples, more than the {self.largest:,} that a request may have"
            )
        return self.model.predict(None, data)


def _count(data: Any) -> int:
    """Examples in what a body holds: a mapping of columns, a table, a list, an array, or one by itself."""
    if isinstance(data, dict):
        return max(map(_count, data.values()), default=0)
    return len(data) if isinstance(data, list) or np.ndim(data) else 1


class Guard:
    """Stands before MLflow's `app`: limits what comes in, and shortens what is told of a mistake.

    An image file, a text or a table may come as it is, with the content type `image/...`, `text/plain` or `text/csv`.
    """

    def __init__(self, app: App, largest: int) -> None:
        self.app, self.largest = app, largest

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            read = _reader(headers.get("content-type", ""))
            body = read(await self._body(headers, receive))
        except Refused as refusal:
            await _tell(send, refusal.status, str(refusal))
            return
        kept = [pair for pair in scope["headers"] if pair[0] not in (b"content-type", b"content-length")]
        headed = {**scope, "headers": [*kept, (b"content-type", b"application/json")]}
        await self.app(headed, _replay(body, receive), Shortened(send))

    async def _body(self, headers: dict[str, str], receive: Receive) -> bytes:
        """The request's body; refused by the length that is told, or that is found where none is told."""
        told, body, more = headers.get("content-length", "0"), bytearray(), True
        too_long = Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"body: more than {self.largest:,} bytes")
        if told.isdecimal() and int(told) > self.largest:
            raise too_long
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self.largest:
                raise too_long
        return bytes(body)


class Shortened:
    """Sends an answer on; of one that tells a mistake, the code and its reason in one line."""

    def __init__(self, send: Send) -> None:
        self.send, self.status, self.body = send, HTTPStatus.OK, b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = HTTPStatus(message["status"])
        if self.status < HTTPStatus.BAD_REQUEST:
            await self.send(message)
            return
        self.body += message.get("body", b"")
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            reason, stack = _reason(self.body.decode(errors="replace"))
            log.warning("%d: %s%s", self.status, reason, stack and f"\n{stack}")
            await _tell(self.send, self.status, reason)


def app(model: Any, largest_body: int = LARGEST_BODY, largest_batch: int = LARGEST_BATCH) -> App:
    """The ASGI app that answers /ping, /health, /version and /invocations by a pyfunc model."""
    from mlflow.pyfunc import scoring_server

    inner = scoring_server.init(Bounded(model, largest_batch))  # type: ignore[arg-type]
    for mistake in (ValueError, RecursionError):
        inner.add_exception_handler(mistake, _unreadable)
    return Guard(inner, largest_body)


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections.

    Its protocol is told, since asyncio sends without delay only on what it knows for TCP: 40 ms an answer.

    Raises:
        StemmaError: the address cannot be used.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise StemmaError(
            f"port {port} of {host}: cannot be used ({error.strerror}); choose another by --port"
        ) from None
    return listening


def run(served: App, listening: socket.socket) -> None:
    """Answer until SIGTERM or SIGINT; then no more requests are taken, and those in flight are answered.

    Ends the process, by 0.
    """
    import uvicorn

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, _stop)
    config = uvicorn.Config(served, log_level="warning", timeout_graceful_shutdown=DRAIN)
    uvicorn.Server(config).run([listening])


def _stop(signum: int, frame: FrameType | None) -> None:
    """uvicorn drains, then raises the signal again for the handler that was there before."""
    sys.exit(0)


def _reader(kind: str) -> Callable[[bytes], bytes]:
    """What makes the JSON that MLflow takes of a body of the content type `kind`."""
    name = kind.partition(";")[0].strip().lower()
    if name not in READERS and not name.startswith("image/"):
        known = ", ".join([*READERS, "image/..."])
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"header Content-Type: found '{kind}', expected {known}")
    return READERS.get(name, _of_image)


def _of_json(body: bytes) -> bytes:
    return body


def _of_image(body: bytes) -> bytes:
    return json.dumps({"dataframe_records": [{"image": base64.b64encode(body).decode()}]}).encode()


def _of_text(body: bytes) -> bytes:
    try:
        return json.dumps({"dataframe_records": [{"text": body.decode()}]}).encode()
    except UnicodeDecodeError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"body: not UTF-8 text (byte {error.start})") from None


def _of_csv(body: bytes) -> bytes:
    import pandas as pd

    try:
        table = pd.read_csv(io.BytesIO(body))
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"body: not readable as CSV ({error})") from None
    rows = table.astype(object).where(table.notna(), None).to_numpy().tolist()
    return json.dumps({"dataframe_split": {"columns": list(table.columns), "data": rows}}).encode()


READERS = {"application/json": _of_json, "text/plain": _of_text, "text/csv": _of_csv}


def _replay(body: bytes, receive: Receive) -> Receive:
    """What the app receives: the whole `body`, then what comes after it."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replay() -> Message:
        return next(messages, None) or await receive()

    return replay


async def _unreadable(request: Any, error: Exception) -> Any:
    """The answer to a body that MLflow's reader breaks on."""
    from fastapi.responses import JSONResponse

    return JSONResponse({"message": f"body: cannot be read ({type(error).__name__}: {error})"}, HTTPStatus.BAD_REQUEST)


def _reason(text: str) -> tuple[str, str]:
    """What an answer of MLflow says at its end or, where it repeats the body after it, at its beginning; and where an
    error came from.
    """
    answer = json.loads(text) if text.startswith("{") else {}
    told, stack = str(answer.get("message", answer.get("detail", text))), str(answer.get("stack_trace", ""))
    if told.startswith("Failed to predict data"):
        told = told.rpartition("\nError: ")[2]
    for behind in ("\nInput: ", " IMPORTANT: "):
        told = told.partition(behind)[0]
    return " ".join(told.split())[:LONGEST_REASON], stack


async def _tell(send: Send, status: HTTPStatus, reason: str) -> None:
    body = json.dumps({"error_code": status.name, "message": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body})
