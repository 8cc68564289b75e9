"""Identity and access: users, tokens, request signatures and the service catalogue."""
