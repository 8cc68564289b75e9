"""Injected faults of an embedded emulator: ``emulator.faults``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from modelarts_emulator.control.fault_injection import Fault, Faults, FaultState
from modelarts_emulator.embedding.keywords import FaultKeywords
from modelarts_emulator.exceptions import InvalidValue, require_keywords

if TYPE_CHECKING:
    from typing_extensions import Unpack


class FaultControl:
    """Adds and removes faults that requests meet: errors, delays, cut connections. Thread-safe.

    >>> fault_id = emu.faults.add(operation="ListDatasets", status=503, times=1)
    >>> emu.client().get("/v2/project/datasets").status_code
    503
    >>> [(state.id == fault_id, state.hits) for state in emu.faults.active()]
    [(True, 1)]
    >>> emu.faults.clear()
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def __repr__(self) -> str:
        return f"<FaultControl: {len(self)} faults>"

    def __len__(self) -> int:
        return len(self._faults.list_faults().faults)

    def add(self, **fault: Unpack[FaultKeywords]) -> str:
        """Add a fault and return its id; the keywords are those of ``FaultKeywords``.

        >>> emu.faults.add(service="obs", path="/bucket/*.jpg", delay_ms=200)
        'fault-...'
        >>> emu.faults.add(opration="ListDatasets", status=503)
        Traceback (most recent call last):
            ...
        modelarts_emulator.exceptions.UnknownKeyword: unknown keyword 'opration' for fault; did you mean 'operation'?
        >>> emu.faults.clear()

        Raises:
            UnknownKeyword: a keyword does not exist.
            InvalidValue: a value is not accepted, or no effect is given.
            ApiError: there are 1,000 faults already.
        """
        require_keywords(fault, FaultKeywords.__annotations__, "fault")
        try:
            return self._faults.add_fault(msgspec.convert(fault, Fault)).id
        except msgspec.ValidationError as error:
            raise InvalidValue(f"fault: {error}") from None

    def active(self) -> list[FaultState]:
        """Return the active faults with their counts of matched and hit requests, oldest first.

        >>> emu.faults.active()
        []
        """
        return self._faults.list_faults().faults

    def remove(self, fault_id: str) -> None:
        """Remove a fault. Raises ApiError for an unknown id.

        >>> emu.faults.remove(emu.faults.add(status=500))
        >>> len(emu.faults)
        0
        """
        self._faults.remove_fault(fault_id)

    def clear(self, project_id: str | None = None) -> None:
        """Remove all faults, or those that name a project.

        >>> _ = emu.faults.add(status=500, project_id="project")
        >>> emu.faults.clear("project")
        >>> len(emu.faults)
        0
        """
        self._faults.clear(project_id)
