"""The command line: one module per command, with a ``parser`` and a ``run``; only the command called is loaded."""

from __future__ import annotations

PROGRAM = "modelarts-emulator"

OK, FAILED, INTERRUPTED = 0, 1, 130

EXIT_CODES_HELP = """\
Exit codes: 0 success; 1 the request failed, or a problem was found; 2 usage \
error; 3 no emulator is running; 130 interrupted."""

COMMANDS = {
    "start": "run an emulator until it is interrupted (the default command)",
    "demo": "run an emulator with demonstration data",
    "exec": "run a command with an emulator that lives as long as it",
    "status": "show whether an emulator is running and its state",
    "stop": "stop an emulator and wait until its process has exited",
    "reset": "delete everything in an emulator, or in one project",
    "seed": "create datasets from folders, manifests and seed files",
    "snapshot": "save everything under a name or as a .zip file; list them",
    "restore": "replace everything with a snapshot",
    "env": "print settings for clients: variables, profiles, files",
    "doctor": "check a data directory and optionally repair it",
    "record": "forward calls to a service and record the exchanges",
    "compare": "replay a recording and list the differences",
    "push": "repeat datasets in the real service",
    "coverage": "list the operations and how complete each one is",
    "completion": "print a completion script for your shell",
}
"""The summary of each command, by the name of its module."""
