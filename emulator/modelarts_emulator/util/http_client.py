"""An HTTP client for a running emulator. It does not use the proxies of the environment."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple
from urllib.parse import quote, urlsplit

from modelarts_emulator.exceptions import CommandFailed, NotRunning

TIMEOUT_S = 600.0


class HttpResponse(NamedTuple):
    """A response of any status."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def document(self) -> Any:
        """The decoded JSON body; None if it is empty. Raises CommandFailed if it is not JSON."""
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            raise CommandFailed("unexpected response: not a ModelArts emulator") from None


class Client:
    """Sends requests to one emulator over one connection.

    Example::

        with Client("http://127.0.0.1:8765") as client:
            print(client.call("GET", "/_emulator/health")["version"])

    ``ca_file`` has the authorities to verify an https server with, instead of those of the system.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None, *, ca_file: Path | None = None) -> None:
        parts = urlsplit(url)
        self.url, self._path = url, parts.path
        self.headers = dict(headers or {})
        host = parts.hostname or ""
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=ca_file)
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, parts.port, timeout=TIMEOUT_S, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_S)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.close()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a JSON request and return the decoded response.

        Raises:
            CommandFailed: the emulator responds with an error.
            NotRunning: no connection.
        """
        data = None if body is None else json.dumps(body).encode()
        answer = self.send(method, path, data, {"Content-Type": "application/json"})
        if answer.status >= 400:
            raise CommandFailed(f"request failed: {error_text(answer)}")
        return answer.document

    def send(
        self, method: str, path: str, body: bytes | IO[bytes] | None = None, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """Send bytes or a file and return the response, whatever its status.

        Raises:
            CommandFailed: no response within ``TIMEOUT_S``.
            NotRunning: no connection.
        """
        try:
            self._connection.request(method, self._path + path, body, {**self.headers, **(headers or {})})
            answer = self._connection.getresponse()
            return HttpResponse(answer.status, answer.headers, answer.read())
        except TimeoutError:
            self._connection.close()
            raise CommandFailed(f"{self.url} has not responded for {TIMEOUT_S:.0f} s") from None
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            why = getattr(error, "strerror", None) or error or type(error).__name__
            raise NotRunning(f"no response from {self.url}: {why}") from None
        except BaseException:
            # Interrupted before the response: the connection is closed, or the next request would receive it.
            self._connection.close()
            raise


def error_text(answer: HttpResponse) -> str:
    """Return the message and code of an error response, in one line."""
    with suppress(CommandFailed, AttributeError):
        body = answer.document
        error = body.get("error") or {}
        text = body.get("error_msg") or error.get("message") or ""
        code = body.get("error_code") or ""
        if text:
            return f"{text} ({code})" if code else str(text)
    return f"{answer.status} {http.client.responses.get(answer.status, '')}".strip()


def quote_segment(name: str) -> str:
    """Quote a name as one segment of a URL path."""
    return quote(name, safe="")
