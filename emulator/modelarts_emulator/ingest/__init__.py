"""Turn files, lines and rows into samples: synchronization, import and upload."""
