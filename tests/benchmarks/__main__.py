"""``python -m tests.benchmarks``: every figure beside its limit, as a table and, with ``--json FILE``, as data."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import msgspec

from tests.benchmarks import bulk, files, peers, requests, tests
from tests.benchmarks.measure import Row, table

PACKAGES = ("flask", "waitress", "tinydb", "watchdog", "pillow", "msgspec")


def main(arguments: list[str]) -> int:
    """Measure, print, and maybe write. Returns 0 whatever the figures say."""
    options = _parser().parse_args(arguments)
    rows: list[Row] = []
    for row in _rows(options):
        rows.append(row)
        print(f"{row.what} ({row.size:,}): {row.ratio:.2f}", file=sys.stderr, flush=True)
    machine = _machine()
    print(", ".join(f"{name} {value}" for name, value in machine.items()))
    print(table(rows))
    if options.json:
        told = [{**msgspec.to_builtins(row), "holds": row.holds} for row in rows]
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode({"machine": machine, "rows": told})))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it runs, and nothing else")
    parser.add_argument("--full", action="store_true", help="a million samples as well")
    parser.add_argument("--only", choices=("requests", "files", "bulk", "tests"), help="one part of the table")
    parser.add_argument("--size", type=int, action="append", help="sizes of your own; repeatable")
    parser.add_argument("--peers", action="store_true", help="moto and json-server as well, where they are installed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser


def _rows(options: argparse.Namespace) -> Iterator[Row]:
    sizes = options.size or ([200] if options.quick else [1_000, 10_000, 100_000] + [1_000_000] * options.full)
    seconds, rounds = (0.2, 1) if options.quick else (3.0, 3)
    parts: dict[str, Callable[[Path, int], Iterator[Row]]] = {
        "requests": lambda root, size: requests.measured(root, size, seconds, rounds),
        "files": lambda root, size: files.measured(
            root, min(size, 100_000), rounds, 3 if options.quick else 40, 500 if options.quick else 40_000
        ),
        "bulk": lambda root, size: bulk.measured(root, size, rounds),
    }
    for name, part in parts.items():
        for size in sizes:
            if options.only in (None, name):
                with tempfile.TemporaryDirectory(prefix="benchmark-") as root:
                    yield from part(Path(root), size)
    if options.only in (None, "tests"):
        yield from tests.measured(5 if options.quick else 50)
    if options.peers:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as root:
            yield from peers.measured(Path(root), seconds, rounds)


def _machine() -> dict[str, str]:
    return {
        "machine": platform.machine(),
        "cores": str(os.cpu_count()),
        "Python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
