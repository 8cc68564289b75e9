"""What the storage refuses in the dataset API's terms, said in those of object storage."""

from __future__ import annotations

import logging

from modelarts_emulator.contract.errors import (
    BUCKET_NOT_FOUND,
    FILE_NOT_FOUND,
    OBS_ERROR,
    PATH_INVALID,
    PATH_NOT_FOUND,
    ApiError,
)
from modelarts_emulator.contract.storage_errors import (
    INTERNAL_ERROR,
    INVALID_BUCKET_NAME,
    INVALID_KEY,
    NO_SUCH_BUCKET,
    NO_SUCH_KEY,
)
from modelarts_emulator.obs.paths import InvalidBucketName

log = logging.getLogger(__name__)

_TRANSLATED = {
    BUCKET_NOT_FOUND: NO_SUCH_BUCKET,
    PATH_NOT_FOUND: NO_SUCH_KEY,
    FILE_NOT_FOUND: NO_SUCH_KEY,
    PATH_INVALID: INVALID_KEY,
    OBS_ERROR: INTERNAL_ERROR,
}


def to_storage_error(refusal: ApiError) -> ApiError:
    """Return the same refusal as object storage says it; what is nobody's mistake is logged."""
    translated = _TRANSLATED.get(refusal.error, refusal.error)
    row = INVALID_BUCKET_NAME if isinstance(refusal, InvalidBucketName) else translated
    if row is INTERNAL_ERROR:
        log.error("Object storage: %s", refusal.detail)
    return ApiError(row, refusal.detail)
