"""Runs an emulator in this process, from its settings until a signal ends it."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from modelarts_emulator.cli import OK, PROGRAM, client_profiles
from modelarts_emulator.cli.output import Output
from modelarts_emulator.cli.process.discovery import PROCESS_FILE
from modelarts_emulator.cli.process.init_scripts import run, scripts
from modelarts_emulator.cli.process.ready_file import ReadyFile
from modelarts_emulator.config.settings import Settings, UsageError
from modelarts_emulator.util.http_client import Client

if TYPE_CHECKING:
    from modelarts_emulator.cli.seed_runner import SeedTarget
    from modelarts_emulator.server import Emulator

log = logging.getLogger(PROGRAM)


def serve(
    settings: Settings, out: Output, log_file: Path | None = None, ready: Callable[[str], None] = lambda url: None
) -> int:
    """Run it until SIGINT or SIGTERM; ``ready`` hears the URL when it can be used. Raises UsageError, CommandFailed."""
    _log_to(log_file, settings.log_level)
    hooks = scripts(settings.init)
    # Imported here, so that --help and a mistyped option answer at once.
    from modelarts_emulator.server import Emulator  # noqa: PLC0415

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    with suppress(KeyboardInterrupt):  # this is how it ends
        _run(Emulator(settings), hooks, out, ready)
    return OK


def _run(emulator: Emulator, hooks: Sequence[Path], out: Output, ready: Callable[[str], None]) -> None:
    settings = emulator.settings
    with ExitStack() as ending:
        # What says where it is goes last: whoever waits for the end waits for that.
        running = _own_file(ending, emulator)
        ending.callback(emulator.stop)
        with out.progress("first scan", emulator.scan_progress):
            emulator.start()
        _warn(settings)
        out.say(f"listening on {emulator.url}")
        url = reachable_url(emulator)
        _fill(emulator, out)
        for script in hooks:
            run(script, variables(emulator, url), out)
        running.write(f"{url}\n")
        if settings.ready_file:
            ending.callback(ReadyFile(settings.ready_file, f"{emulator.url}\n").remove)
        if out.json:
            out.result({"url": emulator.url, "pid": os.getpid()}, "")
        ready(emulator.url)
        _wait()


def _own_file(ending: ExitStack, emulator: Emulator) -> ReadyFile:
    try:
        running = ReadyFile(emulator.directory / PROCESS_FILE)
    except UsageError:
        emulator.stop()
        raise
    ending.callback(running.remove)
    return running


def reachable_url(emulator: Emulator) -> str:
    """A URL at which this machine reaches it: one on all addresses is reached on the machine's own."""
    return emulator.url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def variables(emulator: Emulator, url: str) -> dict[str, str]:
    """What a script finds in its environment: all that ``env`` prints, and what the commands need."""
    settings, key = emulator.settings, emulator.control_key
    known = {"EMULATOR_URL": url, **client_profiles.variables(client_profiles.login(settings, url))}
    if settings.data_dir:
        known["MODELARTS_EMULATOR_DATA_DIR"] = str(settings.data_dir.absolute())
    return {**known, "MODELARTS_EMULATOR_CONTROL_KEY": key} if key else known


def _fill(emulator: Emulator, out: Output) -> None:
    """Bring in what it is to begin with. Raises UsageError, CommandFailed."""
    settings = emulator.settings
    if settings.seeds:
        from modelarts_emulator.cli.seed_runner import run_seeds  # noqa: PLC0415

        out.say(run_seeds(seed_target(emulator), settings.seeds, out).text())
    if settings.demo:
        from modelarts_emulator import demo  # noqa: PLC0415

        soil = seed_target(emulator)
        with Client(soil.url) as client, out.progress("making the demo"):
            commands = demo.seed(soil.url, soil.objects(client), soil.user)
        for command in commands:
            out.say(f"try: {command}")


def seed_target(emulator: Emulator) -> SeedTarget:
    """What is seeded here: as the first user where only users may come in; files go straight into the tree."""
    from modelarts_emulator.cli.control_client import KEY_HEADER  # noqa: PLC0415
    from modelarts_emulator.cli.seed_runner import SeedTarget  # noqa: PLC0415
    from modelarts_emulator.obs.object_tree import ObjectTree  # noqa: PLC0415
    from modelarts_emulator.seeding.object_upload import TreeUploader  # noqa: PLC0415

    settings, key = emulator.settings, emulator.control_key
    # A tree of its own that does not wait for the disk after each file.
    tree = ObjectTree(emulator.directory / "obs", settings.buckets, fsync=False)
    url = reachable_url(emulator)
    return SeedTarget(
        url,
        settings.users[0] if settings.strict else None,
        None,
        lambda _: TreeUploader(tree),
        lambda: Client(url, {KEY_HEADER: key} if key else {}),
    )


def _warn(settings: Settings) -> None:
    """Say once at the start what somebody may not have meant."""
    # Imported here, as the emulator is.
    from modelarts_emulator.api.origin_check import is_loopback  # noqa: PLC0415

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


def _wait() -> None:
    """Sleep until a signal ends it."""
    # Not without end: a signal that comes the moment before one falls asleep is only noticed on waking.
    asleep = threading.Event()
    while True:
        asleep.wait(0.5)


def _interrupt(number: int, frame: object) -> None:
    # Once is enough: a second signal must not cut short the writing out.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def _log_to(file: Path | None, level: str) -> None:
    """Log to a file, or to the terminal. Raises UsageError."""
    try:
        handler = logging.FileHandler(file, encoding="utf-8") if file else logging.StreamHandler()
    except OSError as error:
        raise UsageError(f"cannot write the log file {file}: {error.strerror}") from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    for logger in (log, logging.getLogger("modelarts_emulator")):
        logger.addHandler(handler)
        logger.setLevel(level.upper())
