"""Run every code block of the documentation, the README and the examples.

A page's blocks run in order, in one folder, against one emulator. A comment before a block changes how it is run:
``<!-- pytest -->`` as a test file, ``<!-- seed -->`` as a seed, ``<!-- needs: package -->`` only where the package is
installed, ``<!-- not run: reason -->`` not at all.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from modelarts_emulator import Emulator
from tests.helpers.pictures import picture
from tests.helpers.tools import tool

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [path for path in sorted(DOCS.rglob("*.md")) if "_build" not in path.parts]
BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[^>]*?) -->\n)?```(?P<language>[\w-]*)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE
)
RUN = {"python", "sh"}
SHOWN = {"text", "{toctree}", "{include}", "{literalinclude}", "{eval-rst}", ""}
# Engines that are too large for the test extra: run where they are installed.
LARGE = {"datasets", "pyspark", "ray"}


class Block(NamedTuple):
    """A code block of a page, with the comment before it."""

    mark: str
    language: str
    code: str


def blocks(path: Path) -> Iterator[Block]:
    """Return the code blocks of a page in their order."""
    for found in BLOCK.finditer(path.read_text("utf-8")):
        yield Block(found["mark"] or "", found["language"], found["code"])


def is_run(block: Block) -> bool:
    if block.mark.startswith("not run:"):
        return False
    needed = block.mark.removeprefix("needs: ").replace("esdk-obs-python", "obs")
    if block.mark.startswith("needs: ") and needed in LARGE:
        return importlib.util.find_spec(needed) is not None
    return block.language in RUN or block.mark == "seed"


PAGES_THAT_RUN = [path for path in PAGES if any(map(is_run, blocks(path)))]


def run(command: list[str], folder: Path, environment: dict[str, str], code: str) -> None:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("path", PAGES_THAT_RUN, ids=lambda path: str(path.relative_to(DOCS)))
def test_page_code_blocks_run_in_order(path: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    for name in ("in/1.png", "in/2.png", "in/3.png", "a.png", "b.png"):
        (pictures / name).parent.mkdir(parents=True, exist_ok=True)
        (pictures / name).write_bytes(picture())
    (tmp_path / "version.manifest").write_text(
        '{"source": "s3://my-bucket/in/1.png", "annotation": [{"name": "cat"}]}\n', "utf-8"
    )
    with Emulator(buckets={"my-bucket": pictures}) as emu:
        environment = {
            **os.environ,
            "MODELARTS_EMULATOR_URL": emu.url,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "NO_PROXY": "127.0.0.1,localhost",
        }
        for number, block in enumerate(filter(is_run, blocks(path))):
            if block.mark == "pytest":
                name = f"test_block_{number}.py"
                (tmp_path / name).write_text(block.code, "utf-8")
                command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", name]
            elif block.mark == "seed":
                (tmp_path / "seed.yaml").write_text(block.code, "utf-8")
                command = [sys.executable, "-m", "modelarts_emulator", "seed", "--url", emu.url, "seed.yaml"]
            elif block.language == "sh":
                command = ["sh", "-eu", "-c", block.code]
            else:
                command = [sys.executable, "-W", "ignore", "-c", block.code]
            run(command, tmp_path, environment, block.code)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_page_has_no_block_that_is_left_out_without_a_reason(path: Path) -> None:
    left_out = [
        block.language
        for block in blocks(path)
        if not is_run(block)
        and block.language not in SHOWN
        and not block.mark.startswith("not run:")
        and not (block.mark.startswith("needs: ") and block.mark.removeprefix("needs: ") in LARGE)
    ]
    assert left_out == []


def environment_of(emu: Emulator) -> dict[str, str]:
    command = Path(sys.executable).parent / "modelarts-emulator"
    return {**os.environ, "MODELARTS_EMULATOR_URL": emu.url, "MODELARTS_EMULATOR_COMMAND": str(command)}


def test_python_example_runs(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/1.png").write_bytes(picture())
    with Emulator(buckets={"my-bucket": tmp_path}) as emu:
        command = [sys.executable, str(ROOT / "examples/python/label_and_publish.py")]
        run(command, tmp_path, environment_of(emu), "examples/python")


def test_sdk_example_runs(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/1.png").write_bytes(picture())
    with Emulator(buckets={"my-bucket": tmp_path}) as emu:
        command = [sys.executable, "-W", "ignore", str(ROOT / "examples/python/with_otcextensions.py")]
        run(command, tmp_path, environment_of(emu), "examples/python")


def test_pytest_example_runs(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples/pytest", tmp_path / "example")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    run(command, tmp_path / "example", dict(os.environ), "examples/pytest")


@pytest.mark.parametrize(
    ("folder", "program", "arguments"),
    [
        ("javascript", "node", ["--test"]),
        ("go", "go", ["test", "./..."]),
        ("java", "java", ["ModelArtsExample.java"]),
    ],
)
def test_example_in_another_language_runs(folder: str, program: str, arguments: list[str], tmp_path: Path) -> None:
    found = tool(program)
    shutil.copytree(ROOT / "examples" / folder, tmp_path / "example")
    with Emulator() as emu:
        environment = {**environment_of(emu), "GOCACHE": str(tmp_path / "cache"), "GOFLAGS": "-mod=mod"}
        run([found, *arguments], tmp_path / "example", environment, f"examples/{folder}")


def test_javascript_example_starts_its_own_emulator(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples/javascript", tmp_path / "example")
    with Emulator() as emu:
        environment = environment_of(emu)
    del environment["MODELARTS_EMULATOR_URL"]
    run([tool("node"), "--test"], tmp_path / "example", environment, "examples/javascript")
