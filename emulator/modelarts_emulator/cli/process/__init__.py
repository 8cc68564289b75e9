"""Start, find, detach and stop emulator processes."""
