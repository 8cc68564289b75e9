"""Samples: construction, label rules, hard examples and the training split."""
