"""The object endpoint: OBS and S3 requests on the object tree."""
