"""Prepare a logged request to be sent again: drop headers that each client sets itself, and signatures."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

from modelarts_emulator.control.request_log.log import LoggedRequest, Message
from modelarts_emulator.control.request_log.masking import MASK

# Headers that each client sets itself.
_OWN = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "transfer-encoding",
        "user-agent",
        "x-emulator-key",
    }
)
_SIGNED = frozenset({"authorization", "x-sdk-date", "x-sdk-content-sha256"})
# Headers about a body that was not logged; they do not fit the body that is sent in its place.
_OF_BODY = (
    "content-md5",
    "content-encoding",
    "x-amz-checksum-",
    "x-amz-content-sha256",
    "x-amz-decoded",
    "x-amz-trailer",
)
_IN_URL = frozenset({"accesskeyid", "awsaccesskeyid", "expires", "signature"})


def describe_request(request: LoggedRequest) -> str:
    """Return a comment line: number, operation and status, and which parts are missing."""
    notes = [f"{request.number}: {request.operation or request.service}, {request.status}"]
    if request.error_code:
        notes.append(request.error_code)
    if is_truncated(request.request):
        notes.append(f"the body had {request.request.body_bytes} bytes")
    if request.request.headers.get("authorization") == MASK or without_signature(request.url) != request.url:
        notes.append("it was signed, which is left out")
    return "".join(letter if letter.isprintable() else " " for letter in "# " + "; ".join(notes))


def is_truncated(message: Message) -> bool:
    """Return True if only a part of the body was logged."""
    return len((message.body or "").encode()) < message.body_bytes and MASK not in (message.body or "")


def is_replayable(message: Message) -> bool:
    """Return True if the same body, or no body, can be sent again."""
    return message.body is None or not is_truncated(message)


def replay_headers(request: LoggedRequest) -> dict[str, str]:
    """Return the headers to send; a value of ``***`` is a token."""
    left_out = _OWN | _SIGNED
    headers = {name: value for name, value in request.request.headers.items() if name not in left_out}
    if is_truncated(request.request):
        headers = {name: value for name, value in headers.items() if not name.startswith(_OF_BODY)}
    return headers


def without_signature(url: str) -> str:
    """Remove the signature from a URL, since a part of one would be refused."""
    parts = urlsplit(url)
    if MASK not in parts.query:
        return url
    is_signed = any(value == MASK for _, value in parse_qsl(parts.query))
    kept = [part for part in parts.query.split("&") if not (is_signed and _is_of_signature(part))]
    return parts._replace(query="&".join(kept)).geturl()


def _is_of_signature(part: str) -> bool:
    name, _, value = part.partition("=")
    name = unquote(name).lower()
    return value == MASK or name in _IN_URL or name.startswith(("x-amz-", "x-obs-"))
