"""Save and restore the whole state of an emulator."""
