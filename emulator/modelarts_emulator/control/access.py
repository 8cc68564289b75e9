"""Who may use the control API: programs of this machine, or whoever has the key. A token of the services is no key."""

from __future__ import annotations

import hmac
import logging
from pathlib import Path
from urllib.parse import urlsplit

from flask import Request

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.contract.errors import FORBIDDEN, ApiError
from modelarts_emulator.control.errors import CONTROL_KEY_REQUIRED
from modelarts_emulator.util.ids import Ids

log = logging.getLogger("modelarts-emulator")

HEADER = "X-Emulator-Key"
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


class ControlAccess:
    """Judges requests to the control API. ``key`` is None where none is needed: open, and none is configured.

    A strict emulator without a configured key draws one: it is kept in the data directory as ``control-key``. Where
    there is none it is said once, and kept in ``temporary``, where commands of the same user find it. Raises OSError.
    """

    def __init__(self, settings: Settings, temporary: Path | None = None) -> None:
        self.key = settings.control_key
        if self.key is None and settings.strict:
            self.key = _drawn(settings.data_dir, temporary)
        self._origins = frozenset(settings.cors)
        self._public = urlsplit(settings.public_url).netloc.lower() if settings.public_url else None

    def require(self, request: Request) -> None:
        """Raise CONTROL_KEY_REQUIRED, or FORBIDDEN for a change that a page of another site has asked a browser for."""
        if self.key is not None and not hmac.compare_digest(
            request.headers.get(HEADER, "").encode(), self.key.encode()
        ):
            raise ApiError(CONTROL_KEY_REQUIRED, f"the header {HEADER} is missing or wrong")
        origin = request.headers.get("Origin")
        if origin is not None and request.method not in _HARMLESS and not self._is_ours(origin, request.host):
            raise ApiError(FORBIDDEN, f"a web page of {origin[:100]!r} may change nothing here")

    def _is_ours(self, origin: str, host: str) -> bool:
        site = urlsplit(origin).netloc.lower()
        return site in (host.lower(), self._public) or not self._origins.isdisjoint((origin.lower(), "*"))


def _drawn(data_dir: Path | None, temporary: Path | None) -> str:
    if data_dir is None:
        key = _kept(temporary / "control-key") if temporary else Ids().secret()
        log.warning("The control API needs the header %s: %s (--control-key sets another)", HEADER, key)
        return key
    path = data_dir / "control-key"
    key = _kept(path)
    log.info("The control API needs the header %s with what %s has", HEADER, path)
    return key


def _kept(path: Path) -> str:
    """The key in a file for its owner alone, drawn where there is none."""
    path.touch(mode=0o600)
    key = path.read_text("ascii").strip()
    if not key:  # also where an earlier start ended before it was written: no key at all would let everybody in
        key = Ids().secret()
        path.write_text(f"{key}\n", "ascii")
    return key
