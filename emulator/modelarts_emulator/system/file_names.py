"""File names that this system cannot hold, and names that a file system may take for one another.

Object keys are compared byte by byte. Windows and macOS compare file names without regard to case, macOS also without
regard to Unicode normalization, and Windows refuses some characters and names.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from modelarts_emulator.system import features

_WINDOWS_FORBIDDEN = re.compile(r'[<>:"|?*]')
_WINDOWS_DEVICES = re.compile(r"(CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³]|CONIN\$|CONOUT\$)(\.|$)", re.IGNORECASE)
_SHORT_NAME = re.compile(r"~[0-9]")


def fault_of_name(name: str) -> str | None:
    """Return why no file can have this name on this system, or None if one can."""
    return fault_on_windows(name) if features.IS_WINDOWS else None


def fault_on_windows(name: str) -> str | None:
    """Return why no file can have this name on Windows, or None if one can."""
    if _WINDOWS_FORBIDDEN.search(name):
        return "Windows allows none of < > : \" | ? * in a file's name"
    if name.endswith((".", " ")):
        return "on Windows the name of a file cannot end with a dot or a space"
    if _WINDOWS_DEVICES.match(name):
        return "Windows reserves this name for a device"
    return None


@lru_cache(maxsize=4096)
def other_spellings(name: str) -> tuple[str, ...]:
    """Return names that a file system may treat as equal to ``name``: other case, other Unicode normalization.

    Empty for a name without letters. If one of these leads to the same file, the file system is insensitive to the
    difference, and only the folder's listing shows which name the file has.
    """
    others = {name.swapcase()}
    if not name.isascii():
        others |= {unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)}
    return tuple(sorted(others - {name}))


def may_be_short_name(name: str) -> bool:
    """Return whether Windows may take the name for another file's 8.3 name, as ``PICTUR~1.JPG``."""
    return features.IS_WINDOWS and _SHORT_NAME.search(name) is not None
