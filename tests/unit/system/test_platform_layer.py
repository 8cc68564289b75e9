"""Only the platform layer distinguishes operating systems."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.helpers.places import ROOT

PACKAGE = ROOT / "emulator" / "modelarts_emulator"
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent.name != "system"]
QUESTIONS = re.compile(
    r"sys\.platform|os\.name\b|platform\.system|import fcntl|import msvcrt|os\.fork|dir_fd"
    r"|os\.O_(?!RDONLY|RDWR|CREAT|TRUNC|WRONLY|EXCL|APPEND)[A-Z]|os\.(geteuid|getuid|fchmod|setsid|fdatasync|sendfile|fwalk)\b"
)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_module_outside_the_platform_layer_does_not_ask_for_the_system(path: Path) -> None:
    assert QUESTIONS.findall(path.read_text("utf-8")) == []
