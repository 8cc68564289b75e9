"""``status``: whether an emulator is running, where, and how it is."""

from __future__ import annotations

from typing import Any

from modelarts_emulator.cli import FAILED, OK
from modelarts_emulator.cli.control_client import CONTROL
from modelarts_emulator.cli.output import Output
from modelarts_emulator.cli.process.discovery import add_emulator_options, find_emulator
from modelarts_emulator.config.options import Parser
from modelarts_emulator.exceptions import NotRunning
from modelarts_emulator.util.http_client import Client

SETTINGS = False


def parser(prog: str) -> Parser:
    """Its options."""
    text = "Say whether an emulator is running, where, and how it is. The exit code is 0 for\none that is ready,"
    made = Parser(prog, f"{text} 1 for one that is not ready yet, 3 where none is running.", usage="[options]")
    add_emulator_options(made)
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Print it. Raises UsageError."""
    try:
        place = find_emulator(options)
        process = {"pid": place.found.pid} if place.found and place.found.pid else {}
        if not place.url:
            out.result({"running": True, "ready": False, **process}, f"starting (process {process.get('pid')})")
            return FAILED
        with Client(place.url) as client:
            answer = client.send("GET", f"{CONTROL}/ready")
    except NotRunning as error:
        out.result({"running": False, "ready": False, "reason": str(error)}, str(error))
        return error.code
    state = answer.document
    is_ready = isinstance(state, dict) and state.get("ready") is True
    document = {"running": True, "url": place.url, **process, **(state if isinstance(state, dict) else {})}
    out.result(document, _text(document))
    return OK if is_ready else FAILED


def _text(state: dict[str, Any]) -> str:
    process = f" (process {state['pid']})" if "pid" in state else ""
    lines = [f"{'ready' if state.get('ready') else 'not ready'} at {state['url']}{process}"]
    if "version" in state:
        seconds = state["uptime_ms"] // 1000
        lines += [
            f"version {state['version']}, up {seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}",
            f"{state['datasets']} datasets, {state['open_tasks']} open tasks,"
            f" {state['pending_events']} with changed files; watcher: {state['watcher']}, sync {state['sync']}",
        ]
    return "\n".join(lines)
