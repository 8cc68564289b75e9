"""Keep the settings of buckets beside the metadata of objects: each the document that was sent."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace

from modelarts_emulator.obs.metadata import NO_FILE, Metadata
from modelarts_emulator.s3.call import Call

_STORED = "setting-"


def keep_setting(call: Call, name: str, document: bytes | None) -> None:
    """Keep the document of a setting of the call's bucket, or drop it with None."""

    def changed(known: Metadata) -> Metadata:
        headers = {key: value for key, value in known.headers.items() if key != _STORED + name}
        if document is not None:
            headers[_STORED + name] = b64encode(document).decode("ascii")
        return replace(known, headers=headers)

    call.storage.metadata.edit(call.bucket, NO_FILE, changed, default=Metadata("", ""))


def kept_setting(call: Call, name: str) -> bytes | None:
    """Return the kept document of a setting of the call's bucket, or None."""
    known = call.storage.metadata.get(call.bucket, NO_FILE)
    kept = known.headers.get(_STORED + name) if known else None
    try:
        return None if kept is None else b64decode(kept)
    except ValueError:  # of a snapshot that was changed by hand
        return None
