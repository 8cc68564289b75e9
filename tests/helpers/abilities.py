"""Marks for tests of abilities that the portable branches of the platform layer do not have."""

from __future__ import annotations

import pytest

from modelarts_emulator.system import features

needs_leases = pytest.mark.skipif(not features.HAS_LEASES, reason="the system does not tell if a file is being written")
needs_inotify = pytest.mark.skipif(not features.HAS_INOTIFY, reason="the system has no inotify")
needs_unnamed_files = pytest.mark.skipif(not features.HAS_UNNAMED_FILES, reason="files always have a name")
