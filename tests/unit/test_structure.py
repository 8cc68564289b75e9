"""The structure of the package: few loose modules, unique names, no import circles."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from tests.helpers.places import ROOT

PACKAGE = ROOT / "emulator" / "modelarts_emulator"
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))

# The seven families of operations have one noun in every layer; commands are named after what they call.
LAYERED = {"datasets", "synchronization", "samples", "labels", "imports", "exports", "versions"}
LAYERED |= {"teams", "team_tasks", "team_samples", "intelligent_tasks"}
SAME_PART = {"__init__", "endpoints", "errors"} | LAYERED | {path.stem for path in PACKAGE.glob("cli/commands/*.py")}


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


KNOWN = {name_of(path) for path in MODULES}


def imported_at_load(path: Path) -> set[str]:
    """Return the modules of the package that a module imports when it is loaded."""
    found: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:  # only the top level: what is imported late makes no circle
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & KNOWN
            found |= inner
            if len(inner) < len(node.names):
                found.add(node.module)
    return (found & KNOWN) - {name_of(path)}


def test_top_of_the_package_holds_at_most_eight_modules() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= 8


def test_no_file_name_stands_in_two_packages_for_different_parts() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        places[path.stem].append(name_of(path))
    assert {stem: names for stem, names in places.items() if len(names) > 1 and stem not in SAME_PART} == {}


def test_no_class_name_is_used_twice() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(name_of(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_modules_import_one_another_without_circles() -> None:
    graph = {name_of(path): imported_at_load(path) for path in MODULES}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join([*trail[trail.index(module) :], module])
        if module not in done:
            for each in sorted(graph[module]):
                visit(each, (*trail, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_no_module_has_outgrown_six_hundred_lines() -> None:
    lengths = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > 600} == {}


def test_no_test_module_imports_from_another() -> None:
    shared: dict[str, set[str]] = {}
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                last = node.module.split(".")[-1]
                if node.module.startswith("tests.") and (last == "conftest" or last.startswith("test_")):
                    shared.setdefault(str(path.relative_to(ROOT)), set()).add(node.module)
    assert shared == {}, "move what is shared to tests/helpers"


def test_folders_of_tests_are_named_after_rooms_of_the_package() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    others = {
        "contract",
        "crash",
        "file_systems",
        "fixtures",
        "packaging",
    }  # about what the package is described by, or shipped with
    for kind in ("unit", "integration"):
        folders = {path.name for path in (ROOT / "tests" / kind).iterdir() if any(path.glob("test_*.py"))}
        assert folders - rooms - others == set()
