"""Watch input directories and report changes."""
