"""Map the results of a batch to the answer that every batch operation has."""

from __future__ import annotations

from collections.abc import Iterable

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.labels import BatchResponse


def batch_results(errors: Iterable[ApiError | None]) -> list[BatchResponse]:
    """Return one result for each item: success, or code and message of the error that refused it."""
    results = []
    for error in errors:  # a loop, because every label of every client comes through here
        if error is None:
            results.append(BatchResponse(success=True))
        else:
            results.append(BatchResponse(success=False, error_code=error.error.code, error_msg=error.message))
    return results
