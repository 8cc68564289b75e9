"""Pages and documents below ``/_emulator/``: console, API documentation, coverage."""
