"""HTTP: routes, dispatch, Keystone, and the check of hosts and origins."""
