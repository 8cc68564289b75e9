"""Intelligent tasks: the script that answers instead of a model, and the task that applies its answers."""
