"""A local, offline emulator of the ModelArts data-management API (v2), backed by files."""

__version__ = "0.1.0"
