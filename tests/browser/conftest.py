"""A browser, and the demo to look at.

The browser is Debian's ``chromium``, or the one that ``CHROMIUM`` names. Screenshots are kept in the folder that
``CONSOLE_SCREENSHOTS`` names, or with pytest's temporary files.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import sync_playwright

from modelarts_emulator.server import Emulator
from tests.helpers.browser import Page
from tests.helpers.places import ROOT
from tests.helpers.polling import poll
from tests.helpers.tools import tool


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    chromium = tool("chromium", "chromium-browser", path=os.environ.get("CHROMIUM"))
    with sync_playwright() as started:
        running = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("CONSOLE_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an emulator with the demo, as a process."""
    folder = tmp_path_factory.mktemp("demo")
    ready = folder / "ready"
    command = [
        sys.executable,
        "-m",
        "modelarts_emulator",
        "demo",
        "--memory",
        "--port",
        "0",
        "--ready-file",
        str(ready),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "emulator")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield poll(lambda: address(ready), "the demo is ready")
    finally:
        process.terminate()
        process.wait(30)


def address(ready: Path) -> str | None:
    """What a ready file says, in either of its forms; None before it is there."""
    try:
        text = ready.read_text("utf-8")
    except OSError:
        return None
    found = json.loads(text)["url"] if text.startswith("{") else text.split()[0] if text.strip() else None
    if found is None:
        return None
    with urlopen(f"{found}/_emulator/ready", timeout=10) as answer:
        return str(found) if answer.status == 200 else None


@pytest.fixture
def at(browser: Any) -> Iterator[Callable[..., Page]]:
    """Opens a page of a server; at its end it must have been quiet."""
    opened: list[Page] = []

    def make(url: str, width: int = 1280, height: int = 800, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(15_000)
        opened.append(Page(context, url))
        return opened[-1]

    yield make
    for each in opened:
        each.context.close()
    assert [line for each in opened for line in each.said] == []


@pytest.fixture
def console(emu: Emulator, at: Callable[..., Page]) -> Page:
    """The console of an empty emulator."""
    return at(emu.url)
