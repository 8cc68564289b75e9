"""The emulator's own routes below ``/_emulator/``."""
