"""``doctor [--repair] DIR``: prints what is wrong with a data directory that no emulator is using."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelarts_emulator.cli import FAILED, OK
from modelarts_emulator.cli.output import Count, Output
from modelarts_emulator.config.options import Parser, bucket
from modelarts_emulator.config.settings import Settings
from modelarts_emulator.exceptions import UsageError

SETTINGS = False


def parser(prog: str) -> Parser:
    """Its options."""
    made = Parser(
        prog,
        "Report what lies in a data directory, and what is wrong with it. No emulator may be "
        "using it. The exit code is 0 where all is well, and 1 where something is wrong.",
        usage="[DIR] [options]",
    )
    default = Settings().data_dir
    made.add_argument("directory", nargs="?", type=Path, default=default, metavar="DIR", help=f"(default {default})")
    made.add_argument("--repair", action="store_true", help="mend what is safe to mend; no sample's file is touched")
    made.add_argument(
        "--bucket",
        type=bucket,
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="a folder that was mounted as a bucket; repeatable",
    )
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Examine or repair, and print what was found. Raises UsageError where it cannot look."""
    # Imported here, so that --help answers at once.
    import msgspec  # noqa: PLC0415

    from modelarts_emulator.store import (  # noqa: PLC0415
        DataDirectoryInUse,
        FormatTooNew,
        doctor,
    )

    directory: Path = options["directory"]
    if not directory.is_dir():
        raise UsageError(f"{directory} is not a directory")
    if not any((directory / name).exists() for name in ("index.json", "datasets", "lock")):
        raise UsageError(f"{directory} is not a data directory of the emulator")
    look = doctor.repair if options["repair"] else doctor.examine
    done, total = Count(), sum(1 for _ in (directory / "datasets").glob("*"))
    try:
        with out.progress(f"looking through {directory}", lambda: (done.value, total)):
            report = look(directory, dict(options["bucket"]), done.step)
    except (DataDirectoryInUse, FormatTooNew) as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"{error.filename or ''}: {error.strerror or error}") from None
    out.result(msgspec.to_builtins(report), doctor.render(report).rstrip())
    return OK if report.is_healthy else FAILED
