"""The command ``compare``: replay a recording against an emulator, and list every difference."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from modelarts_emulator.cli import FAILED, OK
from modelarts_emulator.cli.control_client import add_client_options, connect
from modelarts_emulator.cli.output import Output
from modelarts_emulator.config.options import Parser

SETTINGS = False


def parser(prog: str) -> Parser:
    """Return the command's options."""
    made = Parser(
        prog,
        "Send the requests of a recording to a running emulator, and list each difference of the answers by operation "
        "and member. The emulator should have the buckets and objects that the recording begins with. Times, signed "
        "URLs and generated ids are compared by type. Exit code 1 if there are differences.",
        usage="FILE [options]",
    )
    made.add_argument("file", type=Path, metavar="FILE", help="a recording")
    add_client_options(made)
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Replay and compare. Raises NotRunning, UsageError, CommandFailed."""
    from modelarts_emulator.recorder.comparison import compare  # noqa: PLC0415
    from modelarts_emulator.recorder.recording import read_recording  # noqa: PLC0415

    with connect(options) as client, out.progress(f"replaying {options['file']}"):
        counted = Counter(map(_key, found := list(compare(read_recording(options["file"]), client))))
    first = {_key(each): each for each in reversed(found)}
    lines = [f"{first[key]}" + (f" ({count} times)" if count > 1 else "") for key, count in counted.items()]
    out.result({"differences": [each._asdict() for each in found]}, "\n".join(lines) or "no differences")
    return FAILED if found else OK


def _key(difference: Any) -> tuple[str, str, str]:
    return difference.operation, difference.member, difference.kind
