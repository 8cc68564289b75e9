"""Object storage on folders: OBS paths, the object tree, listings, the directory walk and object metadata."""
