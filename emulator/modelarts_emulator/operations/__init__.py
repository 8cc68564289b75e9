"""The operations of the API, one file a family. None of them knows Flask."""
