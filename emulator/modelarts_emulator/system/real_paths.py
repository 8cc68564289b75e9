"""Paths as strings with ``/`` between the names, on every system."""

from __future__ import annotations

import os
import stat

from modelarts_emulator.system import features


def real_path(path: str | os.PathLike[str], *, strict: bool = False) -> str:
    """Return the absolute path with all links resolved and ``/`` between the names.

    Raises:
        OSError: with ``strict``, something on the path does not exist, or links form a circle.
    """
    resolved = os.path.realpath(path, strict=strict)
    return resolved if os.sep == "/" else resolved.replace(os.sep, "/")


def real_path_below(folder: str, inner: str) -> str:
    """Return the real path of ``inner`` below a folder whose own path was resolved; what does not exist is kept.

    Where nothing below the folder is a link, this takes one ``lstat`` for each name of ``inner``, and none for the
    names of the folder. Raises OSError: links form a circle, or a folder may not be read.
    """
    path = f"{folder}/{inner}".rstrip("/")
    place = folder
    try:
        for name in ("", *inner.strip("/").split("/")):
            place = f"{place}/{name}" if name else place
            if features.IS_WINDOWS or stat.S_ISLNK(os.lstat(place).st_mode):
                return real_path(path, strict=True)
        return place
    except (FileNotFoundError, NotADirectoryError):
        return real_path(path)


def absolute_path(path: str | os.PathLike[str]) -> str:
    """Return the absolute path, links not resolved, with ``/`` between the names."""
    absolute = os.path.abspath(path)  # noqa: PTH100  (Path.absolute keeps "..")
    return absolute if os.sep == "/" else absolute.replace(os.sep, "/")


def is_below(path: str, directory: str) -> bool:
    """Return whether a resolved path is the directory or is located below it."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")
