"""Paths as strings with ``/`` between the names, on every system."""

from __future__ import annotations

import os


def real_path(path: str | os.PathLike[str], *, strict: bool = False) -> str:
    """Return the absolute path with all links resolved and ``/`` between the names.

    Raises:
        OSError: with ``strict``, something on the path does not exist, or links form a circle.
    """
    resolved = os.path.realpath(path, strict=strict)
    return resolved if os.sep == "/" else resolved.replace(os.sep, "/")


def absolute_path(path: str | os.PathLike[str]) -> str:
    """Return the absolute path, links not resolved, with ``/`` between the names."""
    absolute = os.path.abspath(path)  # noqa: PTH100  (Path.absolute keeps "..")
    return absolute if os.sep == "/" else absolute.replace(os.sep, "/")


def is_below(path: str, directory: str) -> bool:
    """Return whether a resolved path is the directory or is located below it."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")
