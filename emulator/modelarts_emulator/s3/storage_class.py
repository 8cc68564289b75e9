"""Storage classes: kept with objects and answered, without effect on their storage.

Reference: OBS API reference, "Uploading an Object - PUT"; Amazon S3 API reference, "PutObject".
"""

from __future__ import annotations

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import INVALID_STORAGE_CLASS

STORED = "storage-class"
"""The stored header that has the storage class, without the dialect's prefix. Absent, it is the default."""
DEFAULT = "STANDARD"
OF_BUCKET = "storageClass"
"""The subresource that has the storage class of a bucket."""
_OF_OBS = ("WARM", "COLD", "DEEP_ARCHIVE", "INTELLIGENT_TIERING")
_OF_S3 = ("REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "GLACIER", "GLACIER_IR")
KNOWN = frozenset((DEFAULT, *_OF_OBS, *_OF_S3))


def require_known(name: str) -> str:
    """Return the name of a storage class. Raises INVALID_STORAGE_CLASS."""
    if name not in KNOWN:
        raise ApiError(INVALID_STORAGE_CLASS, name[:80])
    return name
