"""Errors of the control API beside those of the catalogue. Their codes begin with ``Emulator.``, as no service's do."""

from __future__ import annotations

from modelarts_emulator.contract.errors import Error

INVALID_SNAPSHOT = Error(400, "Emulator.0400", "Invalid snapshot")
TOO_MANY_FAULTS = Error(400, "Emulator.0400", "Too many faults")
CONTROL_KEY_REQUIRED = Error(401, "Emulator.0401", "The control API needs the emulator's control key")
FAULT_NOT_FOUND = Error(404, "Emulator.0404", "There is no such fault")
SNAPSHOT_NOT_FOUND = Error(404, "Emulator.0404", "There is no such snapshot")
TOO_MANY_LISTENERS = Error(429, "Emulator.0429", "Too many clients listen already")
NOT_IDLE = Error(504, "Emulator.0504", "The emulator is not idle")
