"""The control API: the emulator's own routes below ``/_emulator/``."""
