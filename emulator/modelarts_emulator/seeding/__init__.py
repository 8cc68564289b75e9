"""Fills an emulator from what lies on the disk, through its API as any client would: folders, manifests, descriptions.

A dataset that is there already, by its name, is left as it is: seeding twice is seeding once. One whose seeding was cut
short carries ``UNFINISHED`` as its description, and is made anew.
"""

from __future__ import annotations

UNFINISHED = "(this dataset is being seeded)"
BUCKET = "seed"
"""The bucket of what has no place of its own."""
