"""The command line: ``modelarts-emulator``, ``python -m emulator`` and ``python run_emulator.py`` are the same."""

from __future__ import annotations

import sys

from emulator.commands.main import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
