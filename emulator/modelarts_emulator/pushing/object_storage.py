"""Write objects into a real object storage, signed with an access key or sent with a token."""

from __future__ import annotations

from email.utils import formatdate
from urllib.parse import quote

from modelarts_emulator.exceptions import CommandFailed
from modelarts_emulator.iam.signatures.url import sign_sha1
from modelarts_emulator.pushing.cloud_profile import CloudProfile, CloudSession
from modelarts_emulator.util.clock import Clock
from modelarts_emulator.util.http_client import Client, HttpResponse, error_text

_OCTETS = "application/octet-stream"


class ObjectStorage:
    """The OBS endpoint of a cloud. A context manager: its end closes the connection."""

    def __init__(self, profile: CloudProfile, session: CloudSession, clock: Clock) -> None:
        self._keys = (profile.access_key, profile.secret_key) if profile.access_key and profile.secret_key else None
        self._token, self._clock = session.token, clock
        self._client = Client(session.storage_url)

    def __enter__(self) -> ObjectStorage:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.__exit__(None, None, None)

    def require_bucket(self, name: str) -> None:
        """Check that a bucket exists. Raises CommandFailed; buckets cost money, so they are never created here."""
        if self._send("HEAD", f"/{name}").status != 200:
            raise CommandFailed(f"bucket {name} does not exist, or may not be used")

    def put(self, path: str, content: bytes) -> None:
        """Write the object ``bucket/key``, unless one of the same size exists. Raises CommandFailed."""
        there = self._send("HEAD", f"/{path}")
        if there.status == 200 and there.headers.get("Content-Length") == str(len(content)):
            return
        answer = self._send("PUT", f"/{path}", content)
        if answer.status >= 300:
            raise CommandFailed(f"cannot write {path}: {error_text(answer)}")

    def _send(self, method: str, path: str, content: bytes | None = None) -> HttpResponse:
        resource = quote(path, safe="/~")
        return self._client.send(method, resource, content, self._headers(method, resource, content))

    def _headers(self, method: str, resource: str, content: bytes | None) -> dict[str, str]:
        kind = _OCTETS if content is not None else ""
        headers = {"Content-Type": kind} if kind else {}
        if self._keys is None:
            return {**headers, "X-Auth-Token": self._token}
        # OBS signature in a header: method, MD5, type, date, resource. A bucket's resource ends with a slash.
        date = formatdate(self._clock.now_ms() / 1000, usegmt=True)
        signed = resource if resource.count("/") > 1 else f"{resource}/"
        signature = sign_sha1(self._keys[1].encode(), f"{method}\n\n{kind}\n{date}\n{signed}")
        return {**headers, "Date": date, "Authorization": f"OBS {self._keys[0]}:{signature}"}
