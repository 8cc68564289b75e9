"""The command ``push``: repeat datasets of a running emulator in the real service."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from modelarts_emulator.cli import OK
from modelarts_emulator.cli.control_client import add_client_options, connect
from modelarts_emulator.cli.output import Output, StepCounter
from modelarts_emulator.config.options import Parser
from modelarts_emulator.util.clock import SystemClock

SETTINGS = False


def parser(prog: str) -> Parser:
    """Return the command's options."""
    made = Parser(
        prog,
        "Repeat datasets of a running emulator through the API of a real service: files, labels, and the labels of "
        "each sample. A dataset whose name exists there is not changed. Buckets must exist there. Versions are not "
        "repeated.",
        usage="--cloud NAME [DATASET...] [options]",
    )
    made.add_argument("datasets", nargs="*", metavar="DATASET", help="names of datasets; without any, all of them")
    made.add_argument("--cloud", required=True, metavar="NAME", help="the profile of clouds.yaml to log in with")
    made.add_rare("--clouds-file", {"type": Path, "metavar": "FILE", "help": "the clouds.yaml to read"})
    made.add_argument("--project", default="demo", metavar="ID", help="the emulator's project (default demo)")
    made.add_argument(
        "--rename-bucket",
        type=_renaming,
        action="append",
        default=[],
        metavar="HERE=THERE",
        help="a bucket that has another name in the service; repeatable",
    )
    made.add_rare("--token", {"default": "push", "help": "the token for an emulator with --auth strict"})
    add_client_options(made)
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Push the datasets. Raises NotRunning, UsageError, CommandFailed."""
    from modelarts_emulator.pushing.cloud_profile import log_in, read_profile  # noqa: PLC0415
    from modelarts_emulator.pushing.dataset_push import DatasetPush  # noqa: PLC0415
    from modelarts_emulator.pushing.object_storage import ObjectStorage  # noqa: PLC0415
    from modelarts_emulator.util.http_client import Client, quote_segment  # noqa: PLC0415

    profile = read_profile(options["cloud"], options["clouds_file"])
    session = log_in(profile)
    with connect(options) as control:
        url = f"{control.url}/v2/{quote_segment(options['project'])}"
    count, results = StepCounter(), []
    with (
        Client(url, {"X-Auth-Token": options["token"]}) as source,
        Client(session.service_url, {"X-Auth-Token": session.token}) as target,
        ObjectStorage(profile, session, SystemClock()) as storage,
    ):
        push = DatasetPush(source, target, storage, dict(options["rename_bucket"]), count.step)
        for name in options["datasets"] or push.names():
            with out.progress(f"pushing {name}", lambda: (count.value, 0)):
                results.append(push.push(name))
            out.say(str(results[-1]))
    out.result({"datasets": [each._asdict() for each in results]}, f"{len(results)} datasets")
    return OK


def _renaming(text: str) -> tuple[str, str]:
    here, separator, there = text.partition("=")
    if not (here and separator and there):
        raise argparse.ArgumentTypeError(f"{text!r} is not HERE=THERE")
    return here, there
