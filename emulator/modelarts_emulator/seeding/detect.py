"""What a seed is, by what lies there: a snapshot, a manifest, a description, or a folder of files."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from modelarts_emulator.exceptions import UsageError
from modelarts_emulator.seeding import seed_file
from modelarts_emulator.seeding.folder_plan import plan_folder, plan_seed_file
from modelarts_emulator.seeding.manifest_plan import is_manifest, plan_manifest
from modelarts_emulator.seeding.plan import DatasetPlan

_DESCRIPTIONS = (".yaml", ".yml", ".json")
NAMES = ("seed.yaml", "seed.yml", "seed.json")
"""A description that a folder is seeded by, rather than by the files in it."""


class SeedSource(NamedTuple):
    """What is to be made: plans, in the project that they name; or everything at once, of a ``snapshot``."""

    plans: list[DatasetPlan]
    project: str | None = None
    snapshot: Path | None = None

    @property
    def steps(self) -> int:
        """How often a seeder tells of progress, about."""
        return sum(len(plan.files) + bool(plan.manifest) + -(-len(plan.samples) // 100) for plan in self.plans)


def detect_source(path: Path) -> SeedSource:
    """See what lies there; nothing is changed. Raises UsageError for what is no seed, or not right."""
    if path.suffix == ".zip" or (path / "snapshot.json").is_file():
        return SeedSource([], snapshot=path)
    if path.is_dir():
        described = next((path / name for name in NAMES if (path / name).is_file()), None)
        return _described(described) if described else SeedSource([plan_folder(path)])
    if not path.is_file():
        raise UsageError(f"there is no {str(path)!r}")
    if path.suffix in _DESCRIPTIONS:
        return _described(path)
    if is_manifest(path):
        return SeedSource([plan_manifest(path)])
    raise UsageError(f"{path} is no seed: a folder, a manifest, a snapshot, or a description in .yaml or .json")


def _described(path: Path) -> SeedSource:
    seed = seed_file.read_seed_file(path)
    return SeedSource(plan_seed_file(seed, path.parent), seed.project)
