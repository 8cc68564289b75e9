"""Signatures as clients make them, written from the documents, apart from the code that verifies them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from urllib.parse import urlsplit

from botocore.auth import HmacV1Auth, S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from requests import Request


def now(minutes: float = 0) -> datetime:
    """The time, ``minutes`` from now."""
    return datetime.now(timezone.utc) + timedelta(minutes=minutes)


def sdk(request: Request, key: str = "AKA", secret: str = "sk-a", when: datetime | None = None) -> Request:
    """Sign with ``SDK-HMAC-SHA256``, as the gateway's own signers do: every header, and the path with a final slash."""
    parts = urlsplit(request.url)
    date = f"{when or now():%Y%m%dT%H%M%SZ}"
    request.headers = {**request.headers, "X-Sdk-Date": date}
    headers = {"host": parts.netloc, **{name.lower(): value for name, value in request.headers.items()}}
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    pairs = sorted(part.partition("=")[::2] for part in parts.query.split("&") if part)
    query = "&".join(f"{left}={right}" for left, right in pairs)
    digest = hashlib.sha256(request.data or b"").hexdigest()
    canonical = "\n".join([request.method, parts.path.rstrip("/") + "/", query, lines, names, digest])
    text = f"SDK-HMAC-SHA256\n{date}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()
    request.headers["Authorization"] = f"SDK-HMAC-SHA256 Access={key}, SignedHeaders={names}, Signature={signature}"
    return request


def obs(request: Request, key: str = "AKA", secret: str = "sk-a", when: datetime | None = None) -> Request:
    """Sign as OBS does in a header: ``OBS AK:signature``."""
    date = format_datetime(when or now(), usegmt=True)
    request.headers = {**request.headers, "Date": date}
    own = "".join(f"{n.lower()}:{v}\n" for n, v in sorted(request.headers.items()) if n.lower().startswith("x-obs-"))
    kind = request.headers.get("Content-Type", "")
    text = f"{request.method}\n\n{kind}\n{date}\n{own}{urlsplit(request.url).path}"
    signature = base64.b64encode(hmac.new(secret.encode(), text.encode(), "sha1").digest()).decode()
    request.headers["Authorization"] = f"OBS {key}:{signature}"
    return request


def obs_url(url: str, key: str = "AKA", secret: str = "sk-a", *, method: str = "GET", minutes: float = 10) -> str:
    """Return a URL signed as OBS does, valid for some minutes."""
    expires = int(now(minutes).timestamp())
    text = f"{method}\n\n\n{expires}\n{urlsplit(url).path}"
    signature = base64.b64encode(hmac.new(secret.encode(), text.encode(), "sha1").digest()).decode()
    quoted = signature.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    return f"{url}?AccessKeyId={key}&Expires={expires}&Signature={quoted}"


def s3(request: Request, key: str = "AKA", secret: str = "sk-a", *, version: int = 4) -> Request:
    """Sign as botocore does for S3, with its newer signature or the older one."""
    made = AWSRequest(request.method, request.url, headers=request.headers or {}, data=request.data or b"")
    credentials = Credentials(key, secret)
    (S3SigV4Auth(credentials, "s3", "eu-de") if version == 4 else HmacV1Auth(credentials)).add_auth(made)
    request.headers = dict(made.headers.items())
    return request


def s3_url(url: str, key: str = "AKA", secret: str = "sk-a", *, seconds: int = 600) -> str:
    """Return a URL signed as botocore does."""
    made = AWSRequest("GET", url, data=b"")
    S3SigV4QueryAuth(Credentials(key, secret), "s3", "eu-de", expires=seconds).add_auth(made)
    return str(made.url)
