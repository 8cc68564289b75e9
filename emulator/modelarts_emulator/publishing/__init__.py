"""Publish, switch and export dataset versions."""
