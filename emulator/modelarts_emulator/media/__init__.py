"""Read and resize pictures."""
