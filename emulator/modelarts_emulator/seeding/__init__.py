"""Seed an emulator through its API from files on disk: folders, manifests and seed files.

A dataset whose name exists is not changed, so seeding twice has the effect of seeding once. A dataset whose seeding was
interrupted has ``UNFINISHED`` as its description; it is deleted and created again.
"""

from __future__ import annotations

UNFINISHED = "(this dataset is being seeded)"
BUCKET = "seed"
"""The bucket for datasets and files without a path in the seed."""
