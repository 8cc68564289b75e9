"""The modules that hold rules, each with the unit tests that have to notice a fault in it."""

from __future__ import annotations

from tests.helpers.places import ROOT

PACKAGE = ROOT / "emulator/modelarts_emulator"
TESTS = ROOT / "tests/unit"


def module_name(path: str) -> str:
    """Return the import name of a module that is named by its path in the package."""
    return f"{PACKAGE.name}." + path.removesuffix(".py").replace("/", ".")


AREAS: dict[str, list[str]] = {
    "samples/label_rules.py": ["samples/test_label_rules.py"],
    "samples/train_eval_split.py": ["samples/test_train_eval_split.py"],
    "samples/changes.py": ["operations/test_sample_changes.py", "operations/test_label_management.py"],
    "samples/dataset_labels.py": ["operations/test_label_management.py"],
    "samples/search.py": ["operations/test_search.py"],
    "ingest/merge.py": ["ingest/test_merge.py"],
    "operations/datasets.py": ["operations/test_statistics.py", "operations/test_daily_metrics.py"],
    "operations/versions.py": ["operations/test_version_names.py"],
    "store/daily_counts.py": ["operations/test_daily_metrics.py"],
    "obs/paths.py": ["obs/test_paths.py", "obs/test_listing.py"],
}
