"""The data-management service: one object with a part for each family of operations, independent of HTTP."""
