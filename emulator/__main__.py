"""The command line: ``modelarts-emulator``, ``python -m emulator`` and ``python run_emulator.py`` are the same.

A command is a row of ``COMMANDS``: what it does, the flags of its own, and a function that gets the settings and those.
Without a command the emulator starts.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from emulator import environment
from emulator.config import DESCRIPTION, Flag, Settings, UsageError, base_url, read_command
from emulator.obs.paths import ObsPath

if TYPE_CHECKING:
    from emulator.server import Emulator

log = logging.getLogger("modelarts-emulator")


PROGRAM = "modelarts-emulator"
DOCTOR = "doctor"
"""A command with options of its own: it looks at a data directory that no emulator is using."""


class Command(NamedTuple):
    """One word after the program's name; ``help`` is a sentence. ``run`` gets the settings and values of ``flags``."""

    help: str
    run: Callable[[Settings, Mapping[str, Any]], None]
    flags: Sequence[Flag] = ()


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked. Returns 0, or 2 where that cannot be done, with one line that says why."""
    try:
        name, rest = _command(sys.argv[1:] if arguments is None else arguments)
        if name == DOCTOR:
            from emulator import doctor  # noqa: PLC0415  (only when it is called)

            return doctor.main(rest)
        command = COMMANDS[name or "start"]
        settings, own = read_command(
            rest,
            prog=f"{PROGRAM} {name}" if name else PROGRAM,
            description=command.help if name else DESCRIPTION,
            epilog="" if name else _overview(),
            own_flags=command.flags,
        )
        command.run(settings, own)
    except UsageError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    return 0


def _command(arguments: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the command, empty where none is given, and what follows it. Raises UsageError."""
    if not arguments or arguments[0].startswith("-"):
        return "", arguments
    if arguments[0] not in (*COMMANDS, DOCTOR):
        raise UsageError(f"{arguments[0]!r} is not a command; there are {', '.join([*COMMANDS, DOCTOR])}")
    return arguments[0], arguments[1:]


def _overview() -> str:
    commands = (f"{name}: {command.help[0].lower()}{command.help[1:-1]}" for name, command in COMMANDS.items())
    doctor = f"{DOCTOR}: report what is wrong with a data directory"
    return f"Commands, each with its own --help: {'; '.join([*commands, doctor])}."


def _env(settings: Settings, own: Mapping[str, Any]) -> None:
    login = environment.login(settings, own["url"])
    if own["write"] is None:
        print(environment.printed(login), end="")
        return
    for file in environment.write(login, own["write"]):
        print(file)


def _start(settings: Settings, own: Mapping[str, Any]) -> None:
    _log_to_terminal(settings.log_level)
    # Imported here, so that --help and a mistyped option answer at once.
    from emulator.server import Emulator  # noqa: PLC0415

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    emulator = Emulator(settings)
    try:
        emulator.start()
        _warn(settings)
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


def _warn(settings: Settings) -> None:
    """Say once at the start what somebody may not have meant."""
    # Imported here, as the emulator is.
    from emulator.api.hosts import is_loopback  # noqa: PLC0415

    if settings.strict:
        return
    if not is_loopback(settings.host):
        log.warning(
            "Listening on %s with --auth open: whoever reaches this address can read, change and delete everything in"
            " datasets and buckets. Add --auth strict with --user, or listen on 127.0.0.1.",
            settings.host,
        )
    elif settings.users or settings.access_keys:
        log.warning("Users and access keys are configured, but --auth open lets everybody in; add --auth strict.")


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


COMMANDS: dict[str, Command] = {
    "start": Command("Run until interrupted, as without a command.", _start),
    "env": Command(
        "Print what clients need: cloud profile, shell exports, OBS and boto3 settings.",
        _env,
        [
            ("--write", {"type": Path, "metavar": "DIR", "help": "write files into this directory instead"}),
            (
                "--url",
                {
                    "type": base_url,
                    "metavar": "URL",
                    "help": "where the emulator is, if the other options do not say it",
                },
            ),
        ],
    ),
}


if __name__ == "__main__":
    sys.exit(main())
