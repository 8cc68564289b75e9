"""The surface: HTTP in, HTTP out."""
