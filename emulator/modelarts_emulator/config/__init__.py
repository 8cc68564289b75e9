"""Settings of an emulator, and the command-line options and variables that set them."""
