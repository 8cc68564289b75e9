"""Poll a condition until it holds or a deadline passes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

DEADLINE_S = 20


def poll(condition: Callable[[], Any], what: str = "") -> Any:
    """Ask until the answer is true, and return it; fail when the deadline has passed."""
    pause = threading.Event()
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if result := condition():
            return result
        pause.wait(0.005)
    raise AssertionError(f"did not happen within {DEADLINE_S} s: {what}")
