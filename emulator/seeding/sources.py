"""What a seed is, by what lies there: a snapshot, a manifest, a description, or a folder of files."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from emulator.failures import UsageError
from emulator.seeding import description
from emulator.seeding.folders import of_description, of_folder
from emulator.seeding.manifests import is_manifest, of_manifest
from emulator.seeding.plan import Plan

_DESCRIPTIONS = (".yaml", ".yml", ".json")
NAMES = ("seed.yaml", "seed.yml", "seed.json")
"""A description that a folder is seeded by, rather than by the files in it."""


class Source(NamedTuple):
    """What is to be made: plans, in the project that they name; or everything at once, of a ``snapshot``."""

    plans: list[Plan]
    project: str | None = None
    snapshot: Path | None = None

    @property
    def steps(self) -> int:
        """How often a seeder tells of progress, about."""
        return sum(len(plan.files) + bool(plan.manifest) + -(-len(plan.samples) // 100) for plan in self.plans)


def source_of(path: Path) -> Source:
    """See what lies there; nothing is changed. Raises UsageError for what is no seed, or not right."""
    if path.suffix == ".zip" or (path / "snapshot.json").is_file():
        return Source([], snapshot=path)
    if path.is_dir():
        described = next((path / name for name in NAMES if (path / name).is_file()), None)
        return _described(described) if described else Source([of_folder(path)])
    if not path.is_file():
        raise UsageError(f"there is no {str(path)!r}")
    if path.suffix in _DESCRIPTIONS:
        return _described(path)
    if is_manifest(path):
        return Source([of_manifest(path)])
    raise UsageError(f"{path} is no seed: a folder, a manifest, a snapshot, or a description in .yaml or .json")


def _described(path: Path) -> Source:
    seed = description.read(path)
    return Source(of_description(seed, path.parent), seed.project)
