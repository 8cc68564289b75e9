"""``coverage``: list the operations and how complete each one is. Needs no running emulator."""

from __future__ import annotations

from typing import Any

from modelarts_emulator.cli import OK
from modelarts_emulator.cli.output import Output
from modelarts_emulator.config.options import Parser

SETTINGS = False


def parser(prog: str) -> Parser:
    """Return the parser of the command's options."""
    return Parser(
        prog,
        "List the operations, the evidence for each one's behaviour, and how many of its "
        "parameters are accepted without effect. --json names these and the reasons.",
        usage="[options]",
    )


def run(options: dict[str, Any], out: Output) -> int:
    """Print the list."""
    # Imported here to keep --help fast.
    import msgspec  # noqa: PLC0415

    from modelarts_emulator.control.pages.coverage import operations  # noqa: PLC0415

    known = list(operations())
    lines = []
    for family in dict.fromkeys(each.family for each in known):
        lines.append(family)
        for each in known:
            if each.family == family:
                without = f", {len(each.without_effect)} without effect" if each.without_effect else ""
                lines.append(f"  {each.operation:<30}{each.evidence}{without}")
    out.result({"operations": msgspec.to_builtins(known)}, "\n".join(lines))
    return OK
