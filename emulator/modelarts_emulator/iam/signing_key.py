"""The key that signs the emulator's own URLs, stored so that a URL stays valid after a restart."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import NamedTuple

from modelarts_emulator.system.durability import replace_file
from modelarts_emulator.util.ids import Ids

log = logging.getLogger(__name__)

SIGNING_KEY_FILE = "signing-key"
"""Its name in a data directory."""
_FORM = re.compile(rb"([0-9A-Za-z_-]{8,128}):([0-9A-Za-z_-]{8,128})\r?\n?")


class SigningKey(NamedTuple):
    """Access key and secret."""

    access_key: str
    secret: str


def new_signing_key(ids: Ids) -> SigningKey:
    """Return a new key."""
    return SigningKey(ids.secret(20).upper(), ids.secret(40))


def stored_signing_key(path: Path, ids: Ids) -> SigningKey:
    """Return the key in a file. A missing file is created; one without a key is replaced and logged. Raises OSError."""
    try:
        found = _FORM.fullmatch(path.read_bytes())
    except FileNotFoundError:
        found = None
    else:
        if found is None:
            log.warning("%s does not contain a key: it is replaced, and URLs that were signed before are refused", path)
    if found is not None:
        return SigningKey(found[1].decode(), found[2].decode())
    key = new_signing_key(ids)
    new = path.with_name(f"{path.name}.tmp")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(f"{key.access_key}:{key.secret}\n", "ascii")
    replace_file(new, path)
    return key


def is_signing_key(path: Path) -> bool:
    """Return whether a file contains a key. Raises OSError."""
    return _FORM.fullmatch(path.read_bytes()) is not None
