"""Tasks that produce output: publish a version, switch to one, and export samples."""
