"""The client of the load: a process of its own with plain sockets, so that it takes little from the server.

``python -m tests.benchmarks.load URL FILE CLIENTS SECONDS`` prints requests a second. The file holds requests as they
go over the wire, each behind its length in four bytes; they are sent in turn. Any answer but a 2xx ends it.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit


def main(url: str, file: str, clients: int, seconds: float) -> float:
    """Send for so long over so many connections; returns requests a second."""
    host = urlsplit(url)
    requests = unpacked(Path(file).read_bytes())
    counts = [0] * clients
    begin, stop = threading.Barrier(clients + 1), threading.Event()

    def client(number: int) -> None:
        with socket.create_connection((str(host.hostname), host.port or 80)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            begin.wait()
            place = number * len(requests) // clients
            while not stop.is_set():
                connection.sendall(requests[place % len(requests)])
                receive(connection)
                counts[number] += 1
                place += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    begin.wait()
    start = time.perf_counter()
    stop.wait(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def receive(connection: socket.socket) -> bytes:
    """One answer's body. Raises RuntimeError for one that is no success."""
    data = connection.recv(1 << 16)
    while b"\r\n\r\n" not in data:
        data += connection.recv(1 << 16)
    head, _, body = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 2"):
        raise RuntimeError(head.decode("latin-1") + body.decode("utf-8", "replace"))
    length = int(next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))[15:])
    parts, missing = [body], length - len(body)
    while missing > 0:
        part = connection.recv(min(missing, 1 << 20))
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def packed(requests: list[bytes]) -> bytes:
    """Requests as the file holds them."""
    return b"".join(len(request).to_bytes(4, "big") + request for request in requests)


def unpacked(data: bytes) -> list[bytes]:
    """The requests of a file."""
    requests, place = [], 0
    while place < len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        requests.append(data[place + 4 : place + 4 + length])
        place += 4 + length
    return requests


if __name__ == "__main__":
    print(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
