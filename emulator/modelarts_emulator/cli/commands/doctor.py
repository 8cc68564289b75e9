"""``doctor [--repair] DIR``: report damage in a data directory that no emulator is using."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelarts_emulator.cli import FAILED, OK, PROGRAM
from modelarts_emulator.cli.output import Output, StepCounter
from modelarts_emulator.config.options import Parser, bucket
from modelarts_emulator.config.settings import Settings
from modelarts_emulator.exceptions import UsageError

SETTINGS = False


def parser(prog: str) -> Parser:
    """Return the parser of the command's options."""
    made = Parser(
        prog,
        "Report the contents of a data directory and any damage in it. No emulator may be "
        "using it. The exit code is 0 if there is no damage, 1 otherwise.",
        usage="[DIR] [options]",
    )
    default = Settings().data_dir
    made.add_argument("directory", nargs="?", type=Path, default=default, metavar="DIR", help=f"(default {default})")
    made.add_argument("--repair", action="store_true", help="repair what is safe to repair; keeps all sample files")
    made.add_argument(
        "--bucket",
        type=bucket,
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="a directory that was mounted as a bucket; repeatable",
    )
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Check or repair the directory and print the report. Raises UsageError if it cannot be read."""
    # Imported here to keep --help fast.
    import msgspec  # noqa: PLC0415

    from modelarts_emulator.store import DataDirectoryInUse, FormatTooNew, doctor  # noqa: PLC0415

    directory: Path = options["directory"]
    if not directory.is_dir():
        raise UsageError(f"{directory} is not a directory")
    if not any((directory / name).exists() for name in ("index.json", "datasets", "lock")):
        raise UsageError(f"{directory} is not a data directory of the emulator")
    check = doctor.repair if options["repair"] else doctor.examine
    done, total = StepCounter(), sum(1 for _ in (directory / "datasets").glob("*"))
    try:
        with out.progress(f"checking {directory}", lambda: (done.value, total)):
            report = check(directory, dict(options["bucket"]), done.step)
    except DataDirectoryInUse as error:
        raise UsageError(f"{error}; stop it first: {PROGRAM} stop --data-dir {directory}") from None
    except FormatTooNew as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"{error.filename or ''}: {error.strerror or error}") from None
    out.result(msgspec.to_builtins(report), doctor.render(report).rstrip())
    return OK if report.is_healthy else FAILED
