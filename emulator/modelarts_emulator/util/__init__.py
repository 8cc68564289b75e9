"""Small tools without dependencies of their own: clock, ids, LRU cache, HTTP client."""
