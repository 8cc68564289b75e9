"""Programs of the machine that tests need: chromium, curl, fish, zsh.

``.ci/run`` installs them and sets ``REQUIRE_TOOLS``: a missing program then fails the tests that need it. Elsewhere
those tests are skipped.
"""

from __future__ import annotations

import os
import shutil

import pytest


def tool(*names: str, path: str | None = None) -> str:
    """Return the path of the first program that is installed, or ``path`` where it is given."""
    found = path or next((where for name in names if (where := shutil.which(name))), None)
    if found is None:
        missing = f"{names[0]} is not installed: apt-get install {names[0]}"
        if os.environ.get("REQUIRE_TOOLS"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found
