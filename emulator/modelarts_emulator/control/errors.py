"""What the control API refuses, beside the catalogue's errors. Codes begin with ``Emulator.``: no service has them."""

from __future__ import annotations

from modelarts_emulator.contract.errors import Error

NOT_USABLE = Error(400, "Emulator.0400", "This cannot be done")
NO_KEY = Error(401, "Emulator.0401", "The control API needs the emulator's control key")
NO_SUCH_FAULT = Error(404, "Emulator.0404", "There is no such fault")
NO_SUCH_SNAPSHOT = Error(404, "Emulator.0404", "There is no such snapshot")
TOO_MANY = Error(429, "Emulator.0429", "Too many clients listen already")
NOT_IDLE = Error(504, "Emulator.0504", "The emulator is not idle")
