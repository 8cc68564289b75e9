"""Start the emulator: ``python run_emulator.py --help``."""

import sys

from emulator.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
