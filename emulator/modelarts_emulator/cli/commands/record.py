"""The command ``record``: pass calls on to a service, and keep the exchanges in a file without secrets."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

from modelarts_emulator.cli import OK
from modelarts_emulator.cli.output import Output
from modelarts_emulator.config.options import Parser, base_url

SETTINGS = False


def parser(prog: str) -> Parser:
    """Return the command's options."""
    made = Parser(
        prog,
        "Listen, pass every call on to a real service or a second emulator, and write each exchange into FILE without "
        "passwords, tokens and signatures. Give the printed URL to the client as its endpoint; end with Ctrl+C. Calls "
        "must carry tokens: a signature covers the host name and would not be valid for the service.",
        usage="--upstream URL FILE [options]",
    )
    made.add_argument("file", type=Path, metavar="FILE", help="a new file for the recording (JSON Lines)")
    made.add_argument("--upstream", type=base_url, metavar="URL", required=True, help="the service to call")
    made.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    made.add_argument("--port", type=int, default=8764, help="port to listen on; 0 picks a free one (default 8764)")
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Record until interrupted. Raises UsageError."""
    from modelarts_emulator.exceptions import UsageError  # noqa: PLC0415
    from modelarts_emulator.recorder.proxy import RecordingProxy  # noqa: PLC0415
    from modelarts_emulator.recorder.recording import RecordingWriter  # noqa: PLC0415
    from modelarts_emulator.web import WebServer  # noqa: PLC0415

    stopped = threading.Event()
    with (
        RecordingWriter(options["file"], options["upstream"]) as recording,
        RecordingProxy(options["upstream"], recording) as proxy,
    ):
        try:
            server = WebServer(proxy, options["host"], options["port"])
        except OSError as error:
            options["file"].unlink(missing_ok=True)
            raise UsageError(f"cannot listen on {options['host']}:{options['port']}: {error.strerror}") from None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        server.start()
        host, port = server.addresses[0][:2]
        out.say(f"recording {options['upstream']} at http://{f'[{host}]' if ':' in host else host}:{port}")
        stopped.wait()
        server.stop()
    out.result({"exchanges": recording.count}, f"{recording.count} exchanges in {options['file']}")
    return OK
