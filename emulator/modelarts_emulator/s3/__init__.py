"""The object endpoint: OBS and S3 requests over the object tree."""
