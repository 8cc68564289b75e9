"""The wire contract: types and errors, as data. Imports nothing of ours."""
