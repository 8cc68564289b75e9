"""The object tree: OBS paths, the folders that stand for buckets, the directory walk and the watcher."""
