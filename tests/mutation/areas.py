"""The modules that hold rules, each with the unit tests that have to notice a fault in it."""

from __future__ import annotations

from typing import NamedTuple

from tests.helpers.places import ROOT

PACKAGE = ROOT / "emulator/modelarts_emulator"
TESTS = ROOT / "tests/unit"


def module_name(path: str) -> str:
    """Return the import name of a module that is named by its path in the package."""
    return f"{PACKAGE.name}." + path.removesuffix(".py").replace("/", ".")


class Area(NamedTuple):
    """A module with rules. ``functions`` are the ones with rules, if it has others too; ``tests`` are their tests."""

    tests: tuple[str, ...]
    functions: tuple[str, ...] = ()


STATISTICS = "operations/test_statistics.py"
METRICS = "operations/test_daily_metrics.py"
VERSIONS = "operations/test_version_names.py"
LABELS = "operations/test_label_management.py"
SAMPLES = "operations/test_sample_changes.py"

AREAS: dict[str, Area] = {
    "samples/label_rules.py": Area(("samples/test_label_rules.py",)),
    "samples/train_eval_split.py": Area(("samples/test_train_eval_split.py", VERSIONS)),
    "samples/changes.py": Area((SAMPLES, LABELS)),
    "samples/dataset_labels.py": Area((LABELS,)),
    "samples/search.py": Area(("operations/test_search.py",)),
    "ingest/merge.py": Area(("ingest/test_merge.py",)),
    "operations/datasets.py": Area((STATISTICS, METRICS), ("list_stats", "get_dataset_metrics")),
    "service/datasets.py": Area(
        (STATISTICS, METRICS), ("statistics", "daily_counts", "_label_counts", "_hard_reasons", "_days")
    ),
    "service/samples.py": Area((SAMPLES,), ("page", "search_terms", "update", "delete", "_attributes")),
    "operations/versions.py": Area((VERSIONS,), ("list_versions", "create_version")),
    "publishing/publish_job.py": Area(
        (VERSIONS,),
        ("new_version", "_VersionCounts", "_require_splittable", "_usages", "_difference", "_is_modified"),
    ),
    "store/daily_counts.py": Area((METRICS,)),
    "obs/paths.py": Area(("obs/test_paths.py", "obs/test_listing.py")),
}
