"""``status``: show whether an emulator is running, its URL and its state."""

from __future__ import annotations

from typing import Any

from modelarts_emulator.cli import FAILED, OK
from modelarts_emulator.cli.control_client import CONTROL
from modelarts_emulator.cli.output import Output
from modelarts_emulator.cli.process.discovery import add_emulator_options, find_emulator
from modelarts_emulator.config.options import Parser
from modelarts_emulator.exceptions import NotRunning

SETTINGS = False


def parser(prog: str) -> Parser:
    """Return the parser of the command's options."""
    made = Parser(
        prog,
        "Show whether an emulator is running, its URL and its state. The exit code is 0 if it is ready, 1 if it is"
        " not ready yet, and 3 if no emulator is running.",
        usage="[options]",
    )
    add_emulator_options(made)
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Print the state. Raises UsageError."""
    try:
        found = find_emulator(options, accept_unselected=True)
        process = {"pid": found.pid} if found.pid else {}
        if not found.url:
            out.result({"running": True, "ready": False, **process}, f"starting (process {found.pid})")
            return FAILED
        with found.client() as client:
            answer = client.send("GET", f"{CONTROL}/ready")
    except NotRunning as error:
        out.result({"running": False, "ready": False, "reason": str(error)}, str(error))
        return error.code
    state = answer.document
    is_ready = isinstance(state, dict) and state.get("ready") is True
    document = {"running": True, "url": found.url, **process, **(state if isinstance(state, dict) else {})}
    out.result(document, _text(document))
    return OK if is_ready else FAILED


def _text(state: dict[str, Any]) -> str:
    process = f" (process {state['pid']})" if "pid" in state else ""
    stage = f", stage {state['stage']}" if not state.get("ready") and "stage" in state else ""
    lines = [f"{'ready' if state.get('ready') else 'not ready'} at {state['url']}{process}{stage}"]
    if "version" in state:
        seconds = state["uptime_ms"] // 1000
        lines += [
            f"version {state['version']}, up {seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}",
            f"{state['datasets']} datasets, {state['open_tasks']} open tasks, {state['pending_events']} datasets with"
            f" changed files; watcher: {state['watcher']}, sync {state['sync']}",
        ]
    return "\n".join(lines)
