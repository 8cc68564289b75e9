"""Record the exchanges between a client and a service, and compare them with the emulator's answers."""
