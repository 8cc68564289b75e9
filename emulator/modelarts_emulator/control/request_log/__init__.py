"""The log of client requests, and its exports as curl, HAR and Python."""
