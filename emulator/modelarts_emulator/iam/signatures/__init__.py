"""Verify request signatures: SDK-HMAC-SHA256, AWS versions 2 and 4, and signed URLs."""
