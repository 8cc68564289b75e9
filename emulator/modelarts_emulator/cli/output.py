"""The output of a command: text for people, JSON for scripts, nothing with ``--quiet``; progress on a terminal."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from modelarts_emulator.config.options import Parser

Progress = Callable[[], "tuple[int, int]"]
"""Returns the number of finished steps and their total; a total of 0 if it is unknown."""

_BAR_WIDTH = 30
_REFRESH_S = 0.1
# No progress bar for work that takes less time than this.
_DELAY_S = 0.3


def add_output_options(parser: Parser) -> None:
    """Add the output options that every command has."""
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")
    parser.add_argument("--quiet", action="store_true", help="print errors only")


class Output:
    """Prints the results of a command in the form that its options ask for."""

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self.json, self.quiet = json, quiet

    def result(self, document: Any, text: str) -> None:
        """Print the result: the document as JSON, or the text; nothing with ``--quiet``."""
        if self.quiet:
            return
        print(json.dumps(document, indent=2, ensure_ascii=False) if self.json else text, flush=True)

    def say(self, text: str) -> None:
        """Print an intermediate message for people."""
        if not self.json and not self.quiet:
            print(text, flush=True)

    def note(self, text: str) -> None:
        """Print a hint for people to standard error, where it does not disturb what is evaluated."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    @contextmanager
    def progress(self, label: str, count: Progress = lambda: (0, 0)) -> Iterator[None]:
        """Show the progress of the block, if standard error is a terminal."""
        if self.json or self.quiet or not sys.stderr.isatty():
            yield
            return
        finished = threading.Event()
        thread = threading.Thread(target=_show, args=(label, count, finished), name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            finished.set()
            thread.join()


class StepCounter:
    """Counts finished steps."""

    def __init__(self) -> None:
        self.value = 0

    def step(self) -> None:
        """Count one more step."""
        self.value += 1


def _show(label: str, count: Progress, finished: threading.Event) -> None:
    started = time.monotonic()
    if finished.wait(_DELAY_S):
        return
    while True:
        done, total = count()
        # The cursor returns to the start of the line, so that log lines overwrite the bar.
        sys.stderr.write(f"\r\x1b[K{label} {progress_bar(done, total)} {time.monotonic() - started:.0f} s\r")
        sys.stderr.flush()
        if finished.wait(_REFRESH_S):
            break
    sys.stderr.write("\r\x1b[K")
    sys.stderr.flush()


def progress_bar(done: int, total: int) -> str:
    """Return a bar with the finished part of a total; without a total, only the count."""
    if total <= 0:
        return f"{done:,}" if done else "…"
    full = _BAR_WIDTH * min(done, total) // total
    return f"[{'#' * full}{'.' * (_BAR_WIDTH - full)}] {done:,} of {total:,}"
