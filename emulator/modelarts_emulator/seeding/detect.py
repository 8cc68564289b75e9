"""Detect the kind of a seed: a snapshot, a manifest, a seed file, or a folder of files."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from modelarts_emulator.exceptions import UsageError
from modelarts_emulator.seeding import seed_file
from modelarts_emulator.seeding.folder_plan import plan_folder, plan_seed_file
from modelarts_emulator.seeding.manifest_plan import is_manifest, plan_manifest
from modelarts_emulator.seeding.plan import DatasetPlan

_SEED_FILES = (".yaml", ".yml", ".json")
NAMES = ("seed.yaml", "seed.yml", "seed.json")
"""Seed files that describe the folder they are in, instead of its other files."""


class SeedSource(NamedTuple):
    """The contents of a seed: plans for datasets of a project, or the path of a snapshot."""

    plans: list[DatasetPlan]
    project: str | None = None
    snapshot: Path | None = None

    @property
    def steps(self) -> int:
        """The approximate number of progress steps."""
        return sum(len(plan.files) + bool(plan.manifest) + -(-len(plan.samples) // 100) for plan in self.plans)


def detect_source(path: Path) -> SeedSource:
    """Read the seed at a path, without a change. Raises UsageError for an invalid seed, or another kind of file."""
    if path.suffix == ".zip" or (path / "snapshot.json").is_file():
        return SeedSource([], snapshot=path)
    if path.is_dir():
        described = next((path / name for name in NAMES if (path / name).is_file()), None)
        return _described(described) if described else SeedSource([plan_folder(path)])
    if not path.is_file():
        raise UsageError(f"{str(path)!r} does not exist")
    if path.suffix in _SEED_FILES:
        return _described(path)
    if is_manifest(path):
        return SeedSource([plan_manifest(path)])
    raise UsageError(
        f"{path} is not a seed; a seed is a folder, a manifest, a snapshot, or a seed file in .yaml or .json"
    )


def _described(path: Path) -> SeedSource:
    seed = seed_file.read_seed_file(path)
    return SeedSource(plan_seed_file(seed, path.parent), seed.project)
