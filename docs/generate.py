"""Write the reference pages that follow from the code: operations, command line, control API, errors."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from modelarts_emulator import Emulator
from modelarts_emulator.cli import COMMANDS, PROGRAM
from modelarts_emulator.cli.main import parser_of
from modelarts_emulator.contract import errors
from modelarts_emulator.control.pages.coverage import operations


def write_reference(folder: Path) -> None:
    """Write the generated pages into ``folder``. Files whose text is unchanged keep their time."""
    with Emulator() as emu:
        openapi = emu.client().get("/_emulator/openapi.json").get_json()
    pages = {
        "operations.md": _operations(openapi),
        "command-line.md": _command_line(),
        "control-api.md": _control_api(openapi),
        "errors.md": _errors(),
    }
    for name, lines in pages.items():
        path, text = folder / name, "\n".join(lines) + "\n"
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def _operations(openapi: dict[str, Any]) -> Iterator[str]:
    yield """# Operations

The operations of the data-management API, generated from the table of routes. Parameters *without effect* are
accepted, and named in the response header `X-Emulator-Warnings`; with `--strict` they are refused. *Evidence* says
whether a real client was run against the operation, or only its documentation was followed."""
    family = ""
    for each in operations():
        if each.family != family:
            family = each.family
            yield f"\n## {family}"
        yield f"\n### {each.operation}\n"
        yield f"`{each.method} {each.path}`\n"
        yield f"{each.title}. Evidence: {each.evidence}. Reference page: `{each.reference}`.\n"
        if each.parameters:
            yield "Parameters: " + ", ".join(f"`{name}`" for name in each.parameters) + ".\n"
        if each.without_effect:
            yield "| without effect | reason |\n|---|---|"
            for name, reason in each.without_effect.items():
                yield f"| `{name}` | {reason} |"


def _command_line() -> Iterator[str]:
    yield """# Command line

`modelarts-emulator`, `python -m modelarts_emulator` and `python run_emulator.py` are the same program. Each option
of `start` is also an environment variable: `--data-dir` is `MODELARTS_EMULATOR_DATA_DIR`."""
    for name in COMMANDS:
        parser = parser_of(name)
        if hasattr(parser, "show_all"):
            parser.show_all()
        out = io.StringIO()
        parser.print_help(out)
        yield f"\n## {PROGRAM} {name}\n"
        yield f"{_sentence(COMMANDS[name])}\n"
        yield f"```text\n{out.getvalue().rstrip()}\n```"


def _control_api(openapi: dict[str, Any]) -> Iterator[str]:
    yield """# Control API

Everything of the emulator's own is below `/_emulator/`: JSON in, JSON out. With `--auth strict` or `--control-key`
a request needs the header `X-Emulator-Key`. The clock and the id seed are global: they concern all projects. The
same text with schemas is at `/_emulator/docs` of a running emulator; {doc}`../how-to/faults` and
{doc}`../how-to/time-and-tokens` have examples."""
    for path, methods in sorted(openapi["paths"].items()):
        if not path.startswith("/_emulator"):
            continue
        for method, entry in methods.items():
            if not isinstance(entry, dict) or "responses" not in entry:
                continue
            yield f"\n## {method.upper()} {path}\n"
            yield f"{_sentence(entry.get('summary', ''))} {entry.get('description', '')}\n"
            rows = [
                (each["name"], each["in"], each.get("description", ""))
                for each in entry.get("parameters", [])
                if "name" in each
            ]
            content = entry.get("requestBody", {}).get("content", {}).get("application/json", {})
            schema = content.get("schema", {})
            if "$ref" in schema:
                schema = openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            rows += [(name, "body", each.get("description", "")) for name, each in schema.get("properties", {}).items()]
            if rows:
                yield "| name | in | meaning |\n|---|---|---|"
                for name, place, meaning in rows:
                    yield f"| `{name}` | {place} | {' '.join(str(meaning).split())} |"


def _errors() -> Iterator[str]:
    yield """# Errors

Every error of the data-management API that the emulator answers. The body is `{"error_code": "ModelArts.4352",
"error_msg": "…"}`; the header `X-Emulator-Reason` names the rule and the page of the reference behind it.
"""
    yield "| code | status | message |\n|---|---|---|"
    rows = {row.code: row for row in vars(errors).values() if isinstance(row, errors.Error)}
    for code, row in sorted(rows.items()):
        yield f"| `{code}` | {row.status} | {row.message} |"


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') or not text else '.'}"


if __name__ == "__main__":
    write_reference(Path(__file__).parent / "reference")
    print(msgspec.json.encode("written").decode())
