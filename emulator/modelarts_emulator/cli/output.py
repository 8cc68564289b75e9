"""What a command prints: text for people, JSON for scripts, nothing when quiet; on a terminal how far long work is."""

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
"""How much is done, and of how much; of 0 where that is not known."""

_WIDTH = 30
_EVERY_S = 0.1
# Work that is over before anybody has looked needs no bar.
_AFTER_S = 0.3


def add_output_options(parser: Parser) -> None:
    """Add the options that every command has."""
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")
    parser.add_argument("--quiet", action="store_true", help="print nothing but what goes wrong")


class Output:
    """Where a command says what it has done."""

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self.json, self.quiet = json, quiet

    def result(self, document: Any, text: str) -> None:
        """Print what has come out: the document as JSON, or the text; nothing when quiet."""
        if self.quiet:
            return
        print(json.dumps(document, indent=2, ensure_ascii=False) if self.json else text, flush=True)

    def say(self, text: str) -> None:
        """Print a line for people on the way."""
        if not self.json and not self.quiet:
            print(text, flush=True)

    @contextmanager
    def progress(self, what: str, how_far: Progress = lambda: (0, 0)) -> Iterator[None]:
        """Show how far it is while the body works, on a terminal only."""
        if self.json or self.quiet or not sys.stderr.isatty():
            yield
            return
        over = threading.Event()
        thread = threading.Thread(target=_show, args=(what, how_far, over), name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


class Count:
    """How often something has been done."""

    def __init__(self) -> None:
        self.value = 0

    def step(self) -> None:
        """Once more."""
        self.value += 1


def _show(what: str, how_far: Progress, over: threading.Event) -> None:
    started = time.monotonic()
    if over.wait(_AFTER_S):
        return
    while True:
        done, total = how_far()
        # Back at the start of its line, so that what is logged meanwhile is written over it.
        sys.stderr.write(f"\r\x1b[K{what} {progress_bar(done, total)} {time.monotonic() - started:.0f} s\r")
        sys.stderr.flush()
        if over.wait(_EVERY_S):
            break
    sys.stderr.write("\r\x1b[K")
    sys.stderr.flush()


def progress_bar(done: int, total: int) -> str:
    """Draw how much of a total is done; of nothing there is only how much."""
    if total <= 0:
        return f"{done:,}" if done else "…"
    full = _WIDTH * min(done, total) // total
    return f"[{'#' * full}{'.' * (_WIDTH - full)}] {done:,} of {total:,}"
