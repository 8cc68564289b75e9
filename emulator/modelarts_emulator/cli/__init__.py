"""The command line, a module a command with a ``parser`` and a ``run``; only the one that is called is loaded."""

from __future__ import annotations

PROGRAM = "modelarts-emulator"

OK, FAILED, INTERRUPTED = 0, 1, 130

EXIT_CODES_HELP = """\
Exit codes: 0 done; 1 the emulator says no, or something was found wrong; 2 it \
cannot be done as it was asked; 3 no emulator is running; 130 interrupted."""

COMMANDS = {
    "start": "run an emulator until it is interrupted, as without a command",
    "demo": "run one with demonstration data",
    "status": "whether one is running, where, and how it is",
    "stop": "end one, and wait until it has ended",
    "reset": "delete everything in it, or everything of a project",
    "seed": "fill it from folders, manifests, descriptions and snapshots",
    "snapshot": "keep everything under a name, or as a .zip file; list them",
    "restore": "put everything back as a snapshot has it",
    "env": "print what clients need: profiles, exports, settings",
    "doctor": "what is wrong with a data directory, and mend it",
    "record": "pass calls on to a service, and keep the exchanges in a file",
    "compare": "replay a recording, and list what the emulator answers differently",
    "push": "repeat datasets in the real service",
    "coverage": "what of each of the 31 operations is there",
    "completion": "print what makes a shell complete all this",
}
"""What each command does; it is the module of its name."""
