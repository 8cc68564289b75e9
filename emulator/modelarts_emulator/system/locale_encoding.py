"""The encoding of file names."""

from __future__ import annotations

import os
import sys

from modelarts_emulator.system import features


def use_unicode_names() -> None:
    """Start this program again with UTF-8 for file names, if the locale has another encoding that cannot hold them all.

    Objects have names in any script. Python takes UTF-8 by itself in the locale C, but neither in others, such as
    ``de_DE.ISO-8859-1``, nor where ``PYTHONUTF8=0`` forbids it.
    """
    if sys.getfilesystemencoding() == "utf-8" or features.IS_WINDOWS or sys.flags.utf8_mode:
        return
    environment = {**os.environ, "PYTHONUTF8": "1"}
    os.execve(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]], environment)
