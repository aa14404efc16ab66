"""How many requests a second `stemma serve` answers, and how long each waits, at 1 and 16 clients on this machine.

The clients are threads of this process; they share the processor with the server. A request holds one example: the
text below, or an image of noise in the size that the model takes.

Run in a project with a champion: python benchmarks/serving.py grey [text ...]
"""

import argparse
import http.client
import io
import json
import re
import subprocess
import sys
import threading
import time

import numpy as np
from PIL import Image

CLIENTS = (1, 16)
TEXT = "a wonderful, warm film"


def image(channels: int, height: int, width: int) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(stream, "PNG")
    return stream.getvalue()


def request_of(port: int) -> tuple[bytes, str]:
    """A body that the server takes, and its content type: it is asked with a text, and says what it expects instead."""
    status, answer = ask(http.client.HTTPConnection("127.0.0.1", port), TEXT.encode(), "text/plain")
    if status == 200:
        return TEXT.encode(), "text/plain"
    _, answer = ask(http.client.HTTPConnection("127.0.0.1", port), image(1, 3, 5), "image/png")
    size = re.search(r"expected (\d+)x(\d+)x(\d+)", json.loads(answer)["message"])
    if size is None:
        raise SystemExit(f"neither texts nor images: {answer.decode()}")
    return image(*map(int, size.groups())), "image/png"


def ask(client: http.client.HTTPConnection, body: bytes, kind: str) -> tuple[int, bytes]:
    client.request("POST", "/invocations", body, {"Content-Type": kind})
    answer = client.getresponse()
    return answer.status, answer.read()


def load(port: int, clients: int, seconds: float) -> np.ndarray:
    """Seconds that each request took which was asked in the given time."""
    body, kind = request_of(port)
    end, taken = time.perf_counter() + seconds, []

    def run() -> None:
        client = http.client.HTTPConnection("127.0.0.1", port)
        while (started := time.perf_counter()) < end:
            status, answer = ask(client, body, kind)
            if status != 200:
                raise SystemExit(f"{status}: {answer.decode()}")
            taken.append(time.perf_counter() - started)

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return np.array(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slots", nargs="+")
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    print("slot, clients: requests a second, median and 99th percentile of a request's milliseconds")
    for slot in options.slots:
        command = [sys.executable, "-m", "stemma.cli.main", "serve", slot, "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            told = re.search(r":(\d+)/invocations", server.stdout.readline())
            if told is None:
                raise SystemExit(f"{slot}: the server did not start")
            load(int(told[1]), 1, 1)
            for clients in CLIENTS:
                taken = load(int(told[1]), clients, options.seconds)
                median, last = np.percentile(taken * 1000, (50, 99))
                print(f"{slot}, {clients:2}: {len(taken) / options.seconds:6.0f}/s {median:7.1f} ms {last:7.1f} ms")
            server.terminate()


if __name__ == "__main__":
    main()
