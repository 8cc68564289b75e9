from __future__ import annotations

import pytest

from modelarts_emulator.system import features
from modelarts_emulator.system.file_names import fault_of_name, fault_on_windows, other_spellings

NFC, NFD = "caf\u00e9.jpg", "cafe\u0301.jpg"


@pytest.mark.parametrize(
    "name", ["a:b", "what?", "a*", '"', "<", ">", "a|b", "con", "CON.txt", "aux", "lpt1.jpg", "a.", "a "]
)
def test_fault_on_windows_impossible_name_returns_reason(name: str) -> None:
    assert fault_on_windows(name)


@pytest.mark.parametrize("name", ["a.jpg", "console.txt", "com10", "a b", ".hidden", "ünï.png", "a..b"])
def test_fault_on_windows_possible_name_returns_none(name: str) -> None:
    assert fault_on_windows(name) is None


def test_fault_of_name_applies_only_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "IS_WINDOWS", False)
    assert fault_of_name("a:b") is None
    monkeypatch.setattr(features, "IS_WINDOWS", True)
    assert fault_of_name("a:b")


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("a.txt", {"A.TXT"}),
        ("A.txt", {"a.TXT"}),
        ("123", set()),
        (NFC, {NFC.swapcase(), NFD}),
        (NFD, {NFD.swapcase(), NFC}),
    ],
)
def test_other_spellings_returns_case_and_normalization_variants(name: str, others: set[str]) -> None:
    assert set(other_spellings(name)) == others
