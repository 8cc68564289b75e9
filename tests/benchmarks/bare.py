"""The limit of the requests: Flask routes on the same web server that do the least that could be done.

``python -m tests.benchmarks.bare FILE FOLDER`` serves ``/bytes`` (the file, from memory), ``/append`` (parse the body,
write as many bytes and sync) and ``/files`` (parse, decode, and write each picture: temporary file, sync, rename).
"""

from __future__ import annotations

import base64
import logging
import os
import sys
import tempfile
import threading
from pathlib import Path

import msgspec
from flask import Flask, Response, request
from waitress.server import create_server

from modelarts_emulator.contract.samples import UpdateSamplesRequest, UploadSamplesJsonRequest


def app(data: bytes, folder: Path) -> Flask:
    """The routes."""
    made = Flask("bare", static_folder=None)
    journal = (folder / "journal").open("ab", buffering=0)
    lock = threading.Lock()

    def answer() -> Response:
        return Response(data, 200, content_type="application/json")

    def append() -> Response:
        body = request.get_data()
        msgspec.json.decode(body, type=UpdateSamplesRequest)
        with lock:
            journal.write(body)
            os.fsync(journal.fileno())
        return Response(b'{"success":true}', 200, content_type="application/json")

    def files() -> Response:
        samples = msgspec.json.decode(request.get_data(), type=UploadSamplesJsonRequest).samples or []
        for sample in samples:
            descriptor, name = tempfile.mkstemp(dir=folder)
            with os.fdopen(descriptor, "wb") as file:
                file.write(base64.b64decode(str(sample.data), validate=True))
                file.flush()
                os.fsync(file.fileno())
            os.rename(name, folder / f"{os.path.basename(name)}-{sample.name}")  # noqa: PTH104, PTH119
        return Response(b'{"success":true}', 200, content_type="application/json")

    made.add_url_rule("/bytes", "bytes", answer)
    made.add_url_rule("/append", "append", append, methods=["PUT"])
    made.add_url_rule("/files", "files", files, methods=["POST"])
    return made


def main(file: str, folder: str) -> None:
    """Serve until the process is ended; what is written goes into the folder."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    server = create_server(
        app(Path(file).read_bytes(), Path(folder)),
        host="127.0.0.1",
        port=0,
        threads=8,
        connection_limit=1000,
        asyncore_use_poll=True,
        ident=None,
        max_request_body_size=1 << 40,
    )
    print(f"http://127.0.0.1:{server.effective_port}", flush=True)
    server.run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
