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

log = logging.getLogger("modelarts-emulator")

_TRANSLATED = {
    BUCKET_NOT_FOUND: NO_SUCH_BUCKET,
    PATH_NOT_FOUND: NO_SUCH_KEY,
    FILE_NOT_FOUND: NO_SUCH_KEY,
    PATH_INVALID: INVALID_KEY,
    OBS_ERROR: INTERNAL_ERROR,
}


def in_terms_of_storage(refusal: ApiError) -> ApiError:
    """Return the same refusal as object storage says it; what is nobody's mistake is logged."""
    row = _TRANSLATED.get(refusal.error, refusal.error)
    if row is INVALID_KEY and refusal.detail and "bucket name" in refusal.detail:
        row = INVALID_BUCKET_NAME
    if row is INTERNAL_ERROR:
        log.error("Object storage: %s", refusal.detail)
    return ApiError(row, refusal.detail)
