"""Watch the input directories of datasets: report that something has changed, soon and rarely without reason.

``Watcher`` is the entry point. ``WatchRegistry`` chooses for each folder between the events of the operating system and
polling.
"""
