"""Map errors of the dataset API to the error codes of object storage."""

from __future__ import annotations

import logging

from modelarts_emulator.contract.errors import (
    BUCKET_NOT_FOUND,
    FILE_NOT_FOUND,
    OBS_ERROR,
    PATH_INVALID,
    PATH_NOT_FOUND,
    UNAVAILABLE,
    ApiError,
    Error,
)
from modelarts_emulator.contract.storage_errors import (
    ACCESS_DENIED,
    INTERNAL_ERROR,
    INVALID_BUCKET_NAME,
    INVALID_KEY,
    NO_SUCH_BUCKET,
    NO_SUCH_KEY,
    SERVICE_UNAVAILABLE,
)
from modelarts_emulator.obs.paths import AccessRefused, InvalidBucketName

log = logging.getLogger(__name__)

_TRANSLATED = {
    BUCKET_NOT_FOUND: NO_SUCH_BUCKET,
    PATH_NOT_FOUND: NO_SUCH_KEY,
    FILE_NOT_FOUND: NO_SUCH_KEY,
    PATH_INVALID: INVALID_KEY,
    OBS_ERROR: INTERNAL_ERROR,
    UNAVAILABLE: SERVICE_UNAVAILABLE,
}

_OF_CLASS: dict[type[ApiError], Error] = {InvalidBucketName: INVALID_BUCKET_NAME, AccessRefused: ACCESS_DENIED}


def to_storage_error(refusal: ApiError) -> ApiError:
    """Return an error with the code that object storage uses for it. Log it if the client did not cause it."""
    translated = _TRANSLATED.get(refusal.error, refusal.error)
    row = _OF_CLASS.get(type(refusal), translated)
    if row is INTERNAL_ERROR:
        log.error("Object storage: %s", refusal.detail)
    return ApiError(row, refusal.detail)
