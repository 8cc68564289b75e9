"""The commands of ``modelarts-emulator``, one module each."""
