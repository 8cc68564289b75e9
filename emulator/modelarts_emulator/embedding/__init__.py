"""Parts of the Python API of an embedded emulator: faults, task transitions, request history and typed keywords."""
