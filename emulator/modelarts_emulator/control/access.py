"""Check access to the control API: open for local programs, or with the control key. A service token is not a key."""

from __future__ import annotations

import hmac
import logging
import os
import re
import stat
import sys
from pathlib import Path
from urllib.parse import urlsplit

from flask import Request

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.contract.errors import FORBIDDEN, ApiError
from modelarts_emulator.control.errors import CONTROL_KEY_REQUIRED
from modelarts_emulator.system.folder import BINARY, CLOEXEC, NOFOLLOW
from modelarts_emulator.system.processes import is_owned_by_user, restrict_to_owner
from modelarts_emulator.util.ids import Ids

log = logging.getLogger(__name__)

HEADER = "X-Emulator-Key"
_READ_ONLY_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_KEY = re.compile(r"[!-~]{8,512}")


class ControlAccess:
    """Check requests to the control API. ``key`` is None if none is needed.

    A strict emulator without a configured key generates one. It is stored in the file ``control-key`` of the data
    directory; in memory mode in ``temporary``, where commands of the same user find it, and it is printed once to
    stderr.

    Raises:
        OSError: the key file cannot be read or written, or belongs to another user.
    """

    def __init__(self, settings: Settings, temporary: Path | None = None) -> None:
        self.key = settings.control_key
        if self.key is None and settings.strict:
            self.key = _generated_key(settings.data_dir, temporary)
        self._origins = frozenset(settings.cors)
        self._public = urlsplit(settings.public_url).netloc.lower() if settings.public_url else None

    def require(self, request: Request) -> None:
        """Check the key, and the origin of a change that a web page asks for.

        Raises:
            ApiError: CONTROL_KEY_REQUIRED, or FORBIDDEN for a page of another site.
        """
        # A constant time comparison, so that response times do not reveal how much of a key is right.
        if self.key is not None and not hmac.compare_digest(
            request.headers.get(HEADER, "").encode(), self.key.encode()
        ):
            raise ApiError(CONTROL_KEY_REQUIRED, f"the header {HEADER} is missing or wrong")
        origin = request.headers.get("Origin")
        if origin is not None and request.method not in _READ_ONLY_METHODS and not self._is_own(origin, request.host):
            raise ApiError(FORBIDDEN, f"web pages of {origin[:100]!r} must not change anything here")

    def _is_own(self, origin: str, host: str) -> bool:
        try:
            site = urlsplit(origin).netloc.lower()
        except ValueError:  # such as http://[
            return False
        return site in (host.lower(), self._public) or not self._origins.isdisjoint((origin.lower(), "*"))


def _generated_key(data_dir: Path | None, temporary: Path | None) -> str:
    if data_dir is not None:
        path = data_dir / "control-key"
        key = _stored_key(path)
        log.info("The control API requires the header %s with the key in %s", HEADER, path)
        return key
    if temporary is None:
        key = Ids().secret()
        _print_key(key)
        return key
    path = temporary / "control-key"
    key = _stored_key(path)
    if _is_readable_by_others(sys.stderr):
        log.warning("The control API requires the header %s with the key in %s", HEADER, path)
    else:
        _print_key(key)
    return key


def _print_key(key: str) -> None:
    # Not logged: log files are kept and are often readable by others.
    print(f"Control key: {HEADER}: {key} (use --control-key to choose one)", file=sys.stderr, flush=True)


def _is_readable_by_others(stream: object) -> bool:
    """Return True if a stream is written to a file that other users may read."""
    try:
        status = os.fstat(stream.fileno())  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):  # not a file: captured output, for example
        return False
    return stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o077)


def _stored_key(path: Path) -> str:
    """Return the key in a file that only its owner can read; generate one if it does not have a valid key.

    Raises:
        OSError: the file belongs to another user or is a link.
    """
    existed = path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | NOFOLLOW | BINARY | CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or not is_owned_by_user(status, or_root=True):
            raise PermissionError(f"{path} is not a file of this user; remove it to have a new control key generated")
        content = file.read(1024)
        key = content.decode("ascii", "replace").strip()
        if _KEY.fullmatch(key) and not status.st_mode & 0o077:
            return key
        if existed:
            log.warning("%s was empty, damaged or readable by others: a new control key has been generated", path)
        restrict_to_owner(descriptor)
        key = Ids().secret()
        file.seek(0)
        file.truncate()
        file.write(f"{key}\n".encode())
    return key
