"""Versions of objects. Buckets are not versioned: each object has one version, ``null``."""

from __future__ import annotations

import re

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import INVALID_VERSION, NO_SUCH_VERSION
from modelarts_emulator.s3.call import Call

ONLY_VERSION = "null"
PARAMETER = "versionId"
_FORM = re.compile(r"[A-Za-z0-9._+/=-]{32,1024}")


def require_version(call: Call) -> None:
    """Check that a request is for the only version of its object, or names none. Raises as ``check_version``."""
    if call.request.parameters:
        check_version(call.parameter(PARAMETER))


def check_version(version_id: str | None) -> None:
    """Check the id of a version; None names the latest.

    Raises NO_SUCH_VERSION, and INVALID_VERSION for a text that is not the id of a version.
    """
    if version_id in (None, ONLY_VERSION):
        return
    assert version_id is not None
    raise ApiError(NO_SUCH_VERSION if _FORM.fullmatch(version_id) else INVALID_VERSION, version_id[:80])
