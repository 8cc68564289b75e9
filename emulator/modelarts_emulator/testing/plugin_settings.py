"""Settings of the plugin's emulator from ``[tool.modelarts-emulator]`` in the project's ``pyproject.toml``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelarts_emulator.config.options import Parser, add_settings
from modelarts_emulator.config.setting_sources import file_arguments
from modelarts_emulator.config.settings import Settings, read_options
from modelarts_emulator.exceptions import UsageError

# The fixtures have accounts of their own, and the other options belong to the command line.
_UNSUPPORTED = frozenset(
    {"--user", "--access-key", "--control-key", "--seed", "--init", "--demo", "--ready-file", "--memory"}
    | {"--log-level", "--log-format"}
)


def table_settings(path: Path) -> dict[str, Any]:
    """Return the keywords for ``Emulator`` from a ``pyproject.toml``; none without the file or its table.

    Raises UsageError for an invalid table, or an option that the plugin does not support.
    """
    if not path.is_file():
        return {}
    found = file_arguments(path)
    if unsupported := sorted(found.keys() & _UNSUPPORTED):
        raise UsageError(f"{path}: the pytest plugin does not support {unsupported[0].removeprefix('--')}")
    parser = Parser("pytest", "")
    add_settings(parser, Settings())
    options = read_options(parser, [argument for each in found.values() for argument in each])
    given = {name: value for name, value in options.items() if value is not None}
    if "bucket" in given:
        given["buckets"] = dict(given.pop("bucket"))
    return given
