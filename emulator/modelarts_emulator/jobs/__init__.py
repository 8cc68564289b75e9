"""Background tasks: the thread pool, their life cycle, conflicts, transition rules, undo log and crash recovery."""
