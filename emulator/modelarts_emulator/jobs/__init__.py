"""Background tasks: thread pool, state transitions, undo log and recovery after a crash."""
