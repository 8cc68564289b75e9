"""The operations, one module for each family: decode the request, call the service, map its result."""
