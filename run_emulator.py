"""Start the emulator from a checkout: ``python run_emulator.py --help``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "emulator"))

from modelarts_emulator.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
