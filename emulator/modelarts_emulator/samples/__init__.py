"""Samples: build, label, search, split and delete them; rules without storage or HTTP."""
