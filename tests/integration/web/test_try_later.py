"""A request that has to wait does so without a thread, and reserved paths have threads of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

import requests

from modelarts_emulator.web import CAN_TRY_LATER, TryLater, WebServer

Serve = Callable[..., WebServer]


def test_request_that_is_tried_later_is_called_again_with_its_environment_and_body(serve: Serve) -> None:
    tries: list[int] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        assert environ[CAN_TRY_LATER]
        tries.append(environ.setdefault("test.tries", len(tries)))
        if len(tries) < 4:
            raise TryLater(0.01)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["wsgi.input"].read()]

    server = serve(application, threads=1)
    answer = requests.post(f"http://127.0.0.1:{server.addresses[0][1]}/", data=b"body", timeout=30)
    assert (answer.status_code, answer.content, tries) == (200, b"body", [0, 0, 0, 0])


def test_requests_that_wait_do_not_occupy_threads(serve: Serve) -> None:
    opened = threading.Event()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/wait" and not opened.is_set():
            raise TryLater(0.01)
        start_response("200 OK", [])
        return [b"done"]

    server = serve(application, threads=1)
    url = f"http://127.0.0.1:{server.addresses[0][1]}"
    ended: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: ended.append(requests.get(f"{url}/wait", timeout=60).content))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for _ in range(5):
        assert requests.get(f"{url}/other", timeout=30).content == b"done"
    assert ended == []
    opened.set()
    for thread in threads:
        thread.join(60)
    assert ended == [b"done"] * 10


def test_reserved_paths_are_answered_while_all_other_threads_wait(serve: Serve) -> None:
    opened, waiting = threading.Event(), threading.Semaphore(0)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/slow":
            waiting.release()
            opened.wait(60)
        start_response("200 OK", [])
        return [b"done"]

    server = serve(application, threads=2, is_reserved=lambda path: path.startswith("/quick"))
    url = f"http://127.0.0.1:{server.addresses[0][1]}"
    threads = [threading.Thread(target=lambda: requests.get(f"{url}/slow", timeout=60)) for _ in range(2)]
    for thread in threads:
        thread.start()
        assert waiting.acquire(timeout=30)
    assert requests.get(f"{url}/quick", timeout=30).content == b"done"
    opened.set()
    for thread in threads:
        thread.join(60)


def test_stop_calls_waiting_requests_at_once(serve: Serve) -> None:
    tried = threading.Event()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not tried.is_set():
            tried.set()
            raise TryLater(3600)
        start_response("200 OK", [])
        return [b"done"]

    server = serve(application, threads=1)
    ended: list[bytes] = []
    url = f"http://127.0.0.1:{server.addresses[0][1]}/"
    thread = threading.Thread(target=lambda: ended.append(requests.get(url, timeout=60).content))
    thread.start()
    assert tried.wait(30)
    server.stop()
    thread.join(60)
    assert ended == [b"done"]
