"""Run the command line: ``python -m modelarts_emulator``."""

from __future__ import annotations

import sys

from modelarts_emulator.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
