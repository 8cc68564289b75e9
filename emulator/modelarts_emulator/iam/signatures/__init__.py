"""Signature schemes of the service's APIs and of object storage."""
