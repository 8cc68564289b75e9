"""Repeat the datasets of an emulator through the real service's API, with their files and labels."""
