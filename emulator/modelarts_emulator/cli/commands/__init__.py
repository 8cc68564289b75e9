"""One module per command of ``modelarts-emulator``."""
