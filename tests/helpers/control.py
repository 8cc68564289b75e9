"""Call the control API below ``/_emulator``."""

from __future__ import annotations

from typing import Any

import requests


class Control:
    """Calls ``/_emulator/…``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()

    def send(self, method: str, path: str, **arguments: Any) -> requests.Response:
        return self.session.request(method, f"{self.url}/_emulator/{path}", timeout=30, **arguments)

    def call(self, method: str, path: str, status: int = 200, **arguments: Any) -> Any:
        answer = self.send(method, path, **arguments)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str, status: int = 400, **arguments: Any) -> str:
        """What an error says; its body has only the documented members."""
        body = self.call(method, path, status, **arguments)
        assert set(body) == {"error_code", "error_msg"}
        return str(body["error_msg"])
