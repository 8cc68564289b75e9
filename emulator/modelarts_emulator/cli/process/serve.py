"""Run an emulator in this process, from its settings until a signal stops it."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from modelarts_emulator.cli import OK, client_profiles
from modelarts_emulator.cli.logs import log_to
from modelarts_emulator.cli.output import Output
from modelarts_emulator.cli.process.discovery import PROCESS_FILE
from modelarts_emulator.cli.process.init_scripts import find_scripts, run_script
from modelarts_emulator.cli.process.ready_file import ReadyFile
from modelarts_emulator.config.settings import Settings, UsageError
from modelarts_emulator.embedding.certificates import ca_bundle
from modelarts_emulator.system.file_limit import raise_file_limit
from modelarts_emulator.util.http_client import Client

if TYPE_CHECKING:
    from modelarts_emulator.cli.seed_runner import SeedTarget
    from modelarts_emulator.server import Emulator

log = logging.getLogger(__name__)

CONSOLE = "/_emulator/ui"
# Requests with this header, such as those of seeds, are not in the request log and not in the log.
_UNLOGGED = {"X-Emulator-Console": "1"}


def serve(
    settings: Settings, out: Output, log_file: Path | None = None, on_ready: Callable[[str], None] = lambda url: None
) -> int:
    """Run an emulator until SIGINT or SIGTERM; ``on_ready`` receives its URL. Raises UsageError, CommandFailed."""
    log_to(log_file, settings.log_level, settings.log_format)
    handle_signals()
    with suppress(KeyboardInterrupt), started_emulator(settings, out) as emulator:
        if out.json:
            out.result({"url": emulator.url, "pid": os.getpid()}, "")
        on_ready(emulator.url)
        _wait_for_signal()
    return OK


@contextmanager
def started_emulator(settings: Settings, out: Output) -> Iterator[Emulator]:
    """Run an emulator during the block: seeded, with its init scripts run, and ready.

    Raises UsageError, CommandFailed.
    """
    scripts = find_scripts(settings.init)
    raise_file_limit()
    with _without_garbage_collection():
        # Imported here, so that --help and usage errors need no web server.
        from modelarts_emulator.server import Emulator  # noqa: PLC0415

        emulator = Emulator(settings)
    with ExitStack() as cleanup:
        # The process file is removed last: commands that wait for the exit wait for that.
        process_file = _own_process_file(cleanup, emulator)
        cleanup.callback(emulator.stop)
        with out.progress("first scan", emulator.scan_progress):
            # Without anything to load it is ready before the URL is printed.
            emulator.start(ready=not (settings.seeds or settings.demo or scripts))
        _warn(settings)
        out.say(f"listening on {emulator.url}")
        out.say(f"console: {reachable_url(emulator)}{CONSOLE}")
        _fill(emulator, scripts, out)
        emulator.set_stage("ready")
        process_file.write(f"{reachable_url(emulator)}\n")
        if settings.ready_file:
            cleanup.callback(ReadyFile(settings.ready_file, f"{emulator.url}\n").remove)
        yield emulator


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Load modules during the block without collecting garbage, and exempt what was loaded from later collections.

    Modules stay to the end. Each collection while they are loaded, and each full one after, would scan them in vain.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def _own_process_file(cleanup: ExitStack, emulator: Emulator) -> ReadyFile:
    try:
        process_file = ReadyFile(emulator.directory / PROCESS_FILE)
    except UsageError:
        emulator.stop()
        raise
    cleanup.callback(process_file.remove)
    return process_file


def reachable_url(emulator: Emulator) -> str:
    """Return a URL at which this machine reaches the emulator; for all addresses, the loopback address."""
    return emulator.url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def child_environment(emulator: Emulator) -> dict[str, str]:
    """Return the environment variables for init scripts and ``exec``: those of ``env``, and those for the commands."""
    settings, key = emulator.settings, emulator.control_key
    known = client_profiles.environment_variables(
        client_profiles.login(settings, reachable_url(emulator), ca_bundle(emulator.directory))
    )
    if settings.data_dir:
        known["MODELARTS_EMULATOR_DATA_DIR"] = str(settings.data_dir.absolute())
    return {**known, "MODELARTS_EMULATOR_CONTROL_KEY": key} if key else known


def _fill(emulator: Emulator, scripts: Sequence[Path], out: Output) -> None:
    """Run seeds, demo and init scripts. Raises UsageError, CommandFailed."""
    settings = emulator.settings
    if settings.seeds:
        from modelarts_emulator.cli.seed_runner import run_seeds  # noqa: PLC0415

        emulator.set_stage("seed")
        out.say(run_seeds(seed_target(emulator), settings.seeds, out).text())
    if settings.demo:
        from modelarts_emulator import demo  # noqa: PLC0415

        emulator.set_stage("demo")
        target = seed_target(emulator)
        with target.client() as client, out.progress("creating the demo"):
            commands = demo.seed(client, target.uploader(client), target.user)
        out.say(demo.image_source())
        for command in commands:
            out.say(f"try: {command}")
    if scripts:
        emulator.set_stage("init")
        variables = child_environment(emulator)
        for script in scripts:
            run_script(script, variables, out)


def seed_target(emulator: Emulator) -> SeedTarget:
    """Return how to seed an emulator of this process: as its first user in strict mode, with files copied directly."""
    from modelarts_emulator.cli.control_client import KEY_HEADER  # noqa: PLC0415
    from modelarts_emulator.cli.seed_runner import SeedTarget  # noqa: PLC0415
    from modelarts_emulator.obs.object_tree import ObjectTree  # noqa: PLC0415
    from modelarts_emulator.seeding.object_upload import TreeUploader  # noqa: PLC0415

    settings, key = emulator.settings, emulator.control_key
    # Without fsync: a seed can be copied again, so it need not wait for the disk after each file.
    tree = ObjectTree(emulator.directory / "obs", settings.buckets, fsync=False)
    url, ca_file = reachable_url(emulator), emulator.ca_file
    return SeedTarget(
        lambda: Client(url, _UNLOGGED, ca_file=ca_file),
        settings.users[0] if settings.strict else None,
        None,
        lambda _: TreeUploader(tree),
        lambda: Client(url, {KEY_HEADER: key} if key else {}, ca_file=ca_file),
    )


def _warn(settings: Settings) -> None:
    """Warn once about settings that may be a mistake."""
    # Imported here, as the emulator is.
    from modelarts_emulator.api.origin_check import is_loopback  # noqa: PLC0415

    if settings.strict:
        return
    if not is_loopback(settings.host):
        log.warning(
            "Listening on %s with --auth open: everyone who reaches this address can read, change and delete all"
            " datasets and buckets. Use --auth strict with --user, or listen on 127.0.0.1.",
            settings.host,
        )
    elif settings.users or settings.access_keys:
        log.warning("Users and access keys have no effect with --auth open; use --auth strict.")


def handle_signals() -> None:
    """Turn SIGINT and SIGTERM into KeyboardInterrupt, once."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)


def _wait_for_signal() -> None:
    # With a timeout: a signal that arrives just before the wait is handled only when the wait returns.
    asleep = threading.Event()
    while True:
        asleep.wait(0.5)


def _interrupt(number: int, frame: object) -> None:
    # A second signal must not interrupt the shutdown, which writes data.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt
