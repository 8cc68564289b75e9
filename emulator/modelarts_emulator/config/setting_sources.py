"""Settings from environment variables and from configuration files, as arguments for the parser."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelarts_emulator.config.options import ENVIRONMENT_PREFIX, PATHS, SECRETS, option_name, settings_flags
from modelarts_emulator.exceptions import UsageError, require_keywords

TABLE = "modelarts-emulator"
"""The table of ``[tool]`` in a ``pyproject.toml``."""

_TRUE, _FALSE = ("1", "true", "yes", "y", "on"), ("0", "false", "no", "n", "off")
_MAX_SECRET_BYTES = 65_536


def default_arguments(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> list[str]:
    """Return the settings of environment and configuration file as arguments to parse before ``arguments``.

    A variable takes precedence over the file, which ``--config`` or MODELARTS_EMULATOR_CONFIG names. Without
    ``environment``, that of the process is used. Raises UsageError.
    """
    environment = os.environ if environment is None else environment
    found: dict[str, list[str]] = {}
    if path := _config_path(arguments) or environment.get(f"{ENVIRONMENT_PREFIX}CONFIG"):
        found = file_arguments(Path(path))
    found |= environment_arguments(environment)
    return [argument for each in found.values() for argument in each]


def _config_path(arguments: Sequence[str]) -> str | None:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config")
    own = list(arguments)
    if "--" in own:  # what follows belongs to the command that exec runs
        own = own[: own.index("--")]
    try:
        path: str | None = parser.parse_known_args(own)[0].config
    except argparse.ArgumentError:  # without a value; the full parser reports it
        return None
    return path


# Environment


def environment_arguments(environment: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the arguments of each flag that a variable sets. Raises UsageError, which names the variable."""
    found: dict[str, list[str]] = {}
    for flag, options in settings_flags():
        variable = ENVIRONMENT_PREFIX + option_name(flag).upper()
        value = environment.get(variable, "")
        if flag in SECRETS and (path := environment.get(f"{variable}_FILE", "")):
            if value:
                raise UsageError(f"{variable} and {variable}_FILE are both set")
            variable, value = f"{variable}_FILE", _secret_of(f"{variable}_FILE", Path(path))
        # Kubernetes sets <SERVICE>_PORT=tcp://… for a service called modelarts-emulator.
        if not value or (flag == "--port" and value.startswith("tcp://")):
            continue
        if options.get("action") == "store_true":
            found[flag] = [flag] if _boolean(variable, value) else []
        else:
            values = value.split(";") if options.get("action") == "append" else [value]
            found[flag] = _checked(flag, options, [each for each in values if each], variable)
    return found


def _boolean(variable: str, value: str) -> bool:
    if value.strip().lower() not in (*_TRUE, *_FALSE):
        raise UsageError(f"{variable}: {value[:80]!r} is neither true nor false; use {', '.join((*_TRUE, *_FALSE))}")
    return value.strip().lower() in _TRUE


def _secret_of(variable: str, path: Path) -> str:
    """Return the contents of a secret's file; its lines are several values."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_SECRET_BYTES).decode()
    except OSError as error:
        raise UsageError(f"{variable}: cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{variable}: {path} is not UTF-8") from None
    return ";".join(line.strip() for line in text.splitlines() if line.strip())


def _checked(flag: str, options: Mapping[str, Any], values: Sequence[str], source: str) -> list[str]:
    """Return the arguments for values of a flag. Raises UsageError, which names their source and no secret."""
    for value in values:
        try:
            options.get("type", str)(value)
        except argparse.ArgumentTypeError as error:
            raise UsageError(f"{source}: {error}") from None
        if value not in options.get("choices", (value,)):
            raise UsageError(f"{source}: {value[:80]!r} is not one of {', '.join(options['choices'])}")
    # Joined, so that a value that begins with a hyphen is not taken for a flag.
    return [f"{flag}={value}" for value in values]


# Files


def file_arguments(path: Path) -> dict[str, list[str]]:
    """Return the arguments of each flag that a TOML file sets; paths in it are relative to the file.

    A key is the name of an option, such as ``data-dir``. In a ``pyproject.toml``, only the table
    ``[tool.modelarts-emulator]`` is read. Raises UsageError.
    """
    # Imported here: most starts have no configuration file.
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415
    else:
        import tomli as tomllib  # noqa: PLC0415

    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: invalid TOML: {error}") from None
    if path.name == "pyproject.toml":
        tool = document.get("tool")
        document = tool.get(TABLE, {}) if isinstance(tool, dict) else {}
    return table_arguments(document, path.absolute().parent, str(path))


def table_arguments(table: Mapping[str, Any], folder: Path, source: str) -> dict[str, list[str]]:
    """Return the arguments of each flag that a table sets; paths are relative to ``folder``. Raises UsageError."""
    flags = dict(settings_flags())
    names = {flag.removeprefix("--"): flag for flag in flags}
    given = {str(name).replace("_", "-"): value for name, value in table.items()}
    require_keywords(given, names, source)
    found: dict[str, list[str]] = {}
    for name, value in given.items():
        flag, options = names[name], flags[names[name]]
        if options.get("action") == "store_true":
            if not isinstance(value, bool):
                raise UsageError(f"{source}: {name} must be true or false")
            found[flag] = [flag] if value else []
        else:
            texts = [_path_text(flag, each, folder) for each in _texts(value, options, f"{source}: {name}")]
            found[flag] = _checked(flag, options, texts, f"{source}: {name}")
    return found


def _texts(value: Any, options: Mapping[str, Any], source: str) -> list[str]:
    """Return a value of TOML as texts: one, or several for a repeatable option."""
    if options.get("action") == "append":
        if isinstance(value, dict):
            return [f"{key}={each}" for key, each in value.items()]
        several = value if isinstance(value, list) else [value]
    else:
        several = [value]
    if not all(isinstance(each, str | int) and not isinstance(each, bool) for each in several):
        raise UsageError(f"{source} must be {'a list of strings' if options.get('action') else 'a string or integer'}")
    return [str(each) for each in several]


def _path_text(flag: str, text: str, folder: Path) -> str:
    if flag in PATHS:
        return str(folder / Path(text).expanduser())
    if flag == "--bucket":
        name, separator, path = text.partition("=")
        return f"{name}{separator}{folder / Path(path).expanduser()}" if path else text
    return text
