"""The writing rule of CONTRIBUTING.md, as far as a program can check it: docstrings, log lines and error texts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.helpers.places import ROOT

PACKAGE = ROOT / "emulator" / "modelarts_emulator"
MODULES = sorted(PACKAGE.rglob("*.py"))

# A sentence that begins like this has a clause for a subject.
OPENINGS = {"what", "who", "whoever", "whose", "whom", "where", "how", "of", "which", "nobody", "somebody", "everybody"}

# Words of a private dialect, each with the field's word.
BANNED = {
    r"tell(s|ing)?|told": "report, notify, return, show",
    r"nobody|somebody|everybody|anybody|whoever": "name the client, user, caller or thread",
    r"lie|lies|lay|lain": "is stored, is located, is outside",
    r"stands?|stood": "is stored, is located, remains",
    r"(take|takes|took|taken|taking) back": "roll back, revert",
    r"(set|sets|setting) aside": "quarantine",
    r"(put|puts|putting) away": "evict",
    r"look(s|ed|ing)? at": "scan, inspect, read",
    r"meanwhile": "concurrently, in the meantime",
    r"in force": "active",
    r"anew": "again",
    r"at rest": "idle",
    r"befalls?|befell": "happens to",
    r"mend(s|ed|ing)?": "repair, correct",
    r"(?<!there )(is|are|was|were) no (?!longer|more\b)[a-z]+": "is not a",
    r"sa(y|ys|id) no": "refuse",
    r"let(s|ting)? pass": "accept",
    r"half[- ]made": "incomplete",
    r"hear(s|d)? of": "is notified of",
}
_BANNED = re.compile(r"(?i)\b(" + "|".join(f"(?:{pattern})" for pattern in BANNED) + r")\b")
_LOGGING = {"debug", "info", "warning", "error", "exception", "critical", "log"}


class Text(NamedTuple):
    """A text for people: ``kind`` is ``docstring``, ``log`` or ``error``."""

    line: int
    kind: str
    words: str


def texts(path: Path) -> Iterator[Text]:
    """Yield the docstrings, log lines and error texts of a module."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield Text(node.lineno, "docstring", node.value.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LOGGING:
            if isinstance(node.func.value, ast.Name) and node.func.value.id in ("log", "logger"):
                yield Text(node.lineno, "log", literal(node.args))
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield Text(node.lineno, "error", literal(node.exc.args))


def literal(arguments: list[ast.expr]) -> str:
    """Return the literal parts of the arguments of a call."""
    constants = (node for argument in arguments for node in ast.walk(argument) if isinstance(node, ast.Constant))
    return " … ".join(node.value for node in constants if isinstance(node.value, str))


def without_code(words: str) -> str:
    """Return a text without what is quoted as code: members and values are spelled as the service spells them."""
    return re.sub(r"``.*?``|`[^`]*`|^( {4,}|>>> ).*$", "", words, flags=re.MULTILINE | re.DOTALL)


def faults(path: Path) -> list[str]:
    """Return what is wrong with the texts of a module, with the lines."""
    found = []
    for text in texts(path):
        words = without_code(text.words) if text.kind == "docstring" else text.words
        first = re.match(r"\W*(\w+)", text.words)
        if text.kind == "docstring" and first and first[1].lower() in OPENINGS:
            found.append(f"{text.line}: begins with {first[1]!r}")
        found += [f"{text.line}: {text.kind}: {match[1]!r}" for match in _BANNED.finditer(words)]
    return found


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_texts_of_module_follow_the_writing_rule(path: Path) -> None:
    assert faults(path) == []


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ('"""Return the labels."""', []),
        ('"""What the labels are."""', ["1: begins with 'What'"]),
        ('"""Where nobody has said."""', ["1: begins with 'Where'", "1: docstring: 'nobody'"]),
        ('"""Return what is told."""', ["1: docstring: 'told'"]),
        ('"""Return ``told`` as it is."""', []),
        ('log.warning("%s is no picture", path)', ["1: log: 'is no picture'"]),
        ('log.info("%s is no longer there", path)', []),
        ('raise ValueError("there is no file")', []),
        ('raise ValueError(f"{name}: lies after the end")', ["1: error: 'lies'"]),
        ('print("a program may be told")', []),
    ],
)
def test_checker_finds_banned_words_and_openings(code: str, wrong: list[str], tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(code, "utf-8")
    assert faults(tmp_path / "module.py") == wrong
