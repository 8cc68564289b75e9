"""Who calls: users, tokens, signatures, and the catalogue of services."""
