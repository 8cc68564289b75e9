"""An emulator in a process of its own, which kills itself with SIGKILL at a chosen call."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.helpers.process import environment

# The names are resolved in the child: the parent's own emulators stay as they are.
_PRELUDE = """
import importlib, itertools, os, signal, sys
import requests
from pathlib import Path
from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.pictures import picture

data_dir, bucket, sync, where, turn, moment = sys.argv[1:]
module, _, name = where.partition(":")
owner = importlib.import_module(module)
*owners, last = name.split(".")
for each in owners:
    owner = getattr(owner, each)
unchanged, calls = getattr(owner, last), itertools.count(1)


def die_at_the_turn(*arguments, **keywords):
    is_turn = next(calls) == int(turn)
    if is_turn and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = unchanged(*arguments, **keywords)
    if is_turn:
        os.kill(os.getpid(), signal.SIGKILL)
    return result


def arm():
    setattr(owner, last, die_at_the_turn)


emulator = Emulator(Settings(port=0, data_dir=Path(data_dir), buckets={"bucket": Path(bucket)}, sync=sync)).start()
url = emulator.url
"""


def run_until_killed(
    script: str,
    data_dir: Path,
    bucket: Path,
    *,
    where: str,
    turn: int = 1,
    moment: str = "before",
    sync: str = "auto",
) -> None:
    """Run ``script`` beside an emulator; it calls ``arm()``, and the process has to die at a call after that.

    ``where`` is ``module:Class.method`` or ``module:function``; ``turn`` counts its calls from 1; ``moment`` is
    ``before`` or ``after`` that call.
    """
    ended = subprocess.run(
        [sys.executable, "-c", _PRELUDE + script, str(data_dir), str(bucket), sync, where, str(turn), moment],
        env=environment(),
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == -signal.SIGKILL, (ended.returncode, ended.stderr[-3000:])
