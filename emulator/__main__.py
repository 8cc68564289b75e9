"""The command line: ``modelarts-emulator``, ``python -m emulator`` and ``python run_emulator.py`` are the same."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.config import Settings, UsageError, read_settings
from emulator.obs.paths import ObsPath

if TYPE_CHECKING:
    from emulator.server import Emulator

log = logging.getLogger("modelarts-emulator")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until interrupted. Returns 0, or 2 where a setting cannot be used, with one line that says why."""
    try:
        settings = read_settings(sys.argv[1:] if arguments is None else arguments)
        _log_to_terminal(settings.log_level)
        _run(settings)
    except UsageError as error:
        print(f"modelarts-emulator: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    return 0


def _run(settings: Settings) -> None:
    # Imported here, so that --help and a mistyped option answer at once.
    from emulator.server import Emulator  # noqa: PLC0415

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    emulator = Emulator(settings)
    try:
        emulator.start()
        print(f"listening on {emulator.url}", flush=True)
        if settings.demo:
            _seed_demo(emulator)
        if settings.ready_file:
            _write_ready_file(settings.ready_file, emulator.url)
        _wait()
    finally:
        emulator.stop()
        if settings.ready_file:
            settings.ready_file.unlink(missing_ok=True)


def _write_ready_file(file: Path, url: str) -> None:
    try:
        file.write_text(f"{url}\n", "utf-8")
    except OSError as error:
        raise UsageError(f"cannot write the ready file {file}: {error.strerror}") from None


def _seed_demo(emulator: Emulator) -> None:
    from emulator import demo  # noqa: PLC0415

    tree = emulator.runtime.tree
    tree.create_bucket(demo.BUCKET)
    for command in demo.seed(emulator.url, tree.local(ObsPath(demo.BUCKET))):
        print(f"try: {command}", flush=True)


def _wait() -> None:
    """Sleep until a signal ends it."""
    while True:
        signal.pause()


def _interrupt(number: int, frame: object) -> None:
    # Once is enough: a second signal must not cut short the writing out.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def _log_to_terminal(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    log.addHandler(handler)
    log.setLevel(level.upper())


if __name__ == "__main__":
    sys.exit(main())
