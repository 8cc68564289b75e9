"""The errors of object storage: one row per error, with the codes that OBS and S3 share.

Raise ``ApiError(ROW, detail)``; the object endpoint writes it as XML, the dataset API as JSON.
Reference: OBS API reference, "Error Codes".
"""

from __future__ import annotations

from modelarts_emulator.contract.errors import Error

# Access
ACCESS_DENIED = Error(403, "AccessDenied", "Access Denied")
EXPIRED = Error(403, "AccessDenied", "Request has expired")
UNKNOWN_ACCESS_KEY = Error(403, "InvalidAccessKeyId", "The access key id you provided does not exist in our records.")
SIGNATURE_MISMATCH = Error(
    403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided."
)
TIME_SKEWED = Error(
    403, "RequestTimeTooSkewed", "The difference between the request time and the server's time is too large."
)
SIGNATURE_MALFORMED = Error(400, "AuthorizationHeaderMalformed", "The authorization you provided is invalid.")
DIGEST_MISMATCH = Error(
    400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed."
)

# Buckets, objects and conditions
NO_SUCH_BUCKET = Error(404, "NoSuchBucket", "The specified bucket does not exist")
NO_SUCH_KEY = Error(404, "NoSuchKey", "The specified key does not exist.")
NO_SUCH_UPLOAD = Error(404, "NoSuchUpload", "The specified upload does not exist.")
NO_SUCH_VERSION = Error(404, "NoSuchVersion", "The specified version does not exist.")
NO_SUCH_CONFIGURATION = Error(404, "NoSuchConfiguration", "The specified configuration does not exist.")
BUCKET_NOT_EMPTY = Error(409, "BucketNotEmpty", "The bucket you tried to delete is not empty")
OBJECT_NOT_APPENDABLE = Error(409, "ObjectNotAppendable", "The object is not appendable")
POSITION_NOT_EQUAL_TO_LENGTH = Error(409, "PositionNotEqualToLength", "Position is not equal to the object length")
PRECONDITION_FAILED = Error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
NO_SUCH_PART = Error(416, "InvalidPartNumber", "The requested partnumber is not satisfiable")
RANGE_NOT_SATISFIABLE = Error(416, "InvalidRange", "The requested range is not satisfiable")

# Input
INVALID_BUCKET_NAME = Error(400, "InvalidBucketName", "The specified bucket is not valid.")
INVALID_KEY = Error(400, "InvalidURI", "Couldn't parse the specified URI.")
KEY_TOO_LONG = Error(400, "KeyTooLongError", "Your key is too long")
INVALID_ARGUMENT = Error(400, "InvalidArgument", "Invalid Argument")
INVALID_REQUEST = Error(400, "InvalidRequest", "Invalid Request")
BAD_DIGEST = Error(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
BAD_CHECKSUM = Error(400, "BadDigest", "The checksum you specified did not match what we received.")
INVALID_DIGEST = Error(400, "InvalidDigest", "The Content-MD5 you specified is not valid.")
INCOMPLETE_BODY = Error(400, "IncompleteBody", "You did not provide the number of bytes the request announced")
MALFORMED_TRAILER = Error(
    400, "MalformedTrailerError", "The request contained trailing data that was not well-formed or not as announced."
)
MALFORMED_XML = Error(
    400, "MalformedXML", "The XML you provided was not well-formed or did not have the right elements."
)
INVALID_PART = Error(400, "InvalidPart", "One or more of the specified parts could not be found, or its ETag is wrong.")
INVALID_PART_ORDER = Error(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
PART_TOO_SMALL = Error(400, "EntityTooSmall", "A part other than the last is smaller than allowed.")
OBJECT_TOO_LARGE = Error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.")
NOT_A_PICTURE = Error(400, "InvalidImage", "The object is not a picture that can be processed.")
INVALID_VERSION = Error(400, "InvalidArgument", "Invalid version id specified")
INVALID_STORAGE_CLASS = Error(400, "InvalidStorageClass", "The storage class you specified is not valid")
INVALID_TAG = Error(400, "InvalidTag", "The tag provided was not a valid tag.")
TOO_MANY_TAGS = Error(400, "BadRequest", "The number of tags exceeds the maximum.")
MALFORMED_POLICY = Error(400, "MalformedPolicy", "The policy is not a JSON document.")
METHOD_NOT_ALLOWED = Error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
NOT_IMPLEMENTED = Error(501, "NotImplemented", "A header or parameter implies functionality that is not implemented")
INTERNAL_ERROR = Error(500, "InternalError", "We encountered an internal error. Please try again.")
SERVICE_UNAVAILABLE = Error(503, "ServiceUnavailable", "The server is overloaded; please try again.")
