"""Tests of the lenient decoder's preparation of types."""

from __future__ import annotations

import subprocess
import sys
import threading

from modelarts_emulator.contract import lenient_decoding
from modelarts_emulator.contract.labels import CreateLabelsRequest

FIRST_DECODES = """
import sys, threading
from modelarts_emulator.api.routes import ROUTES
from modelarts_emulator.contract.lenient_decoding import decode
sys.setswitchinterval(1e-6)
types = [route.request for routes in ROUTES.values() for route in routes if route.request]
start = threading.Barrier(8)
def work():
    for each in types:
        start.wait()
        try:
            decode(b"{}", each)
        except ValueError:
            pass
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print("done")
"""


def test_decode_prepares_the_type_once() -> None:
    lenient_decoding.PREPARED.discard(CreateLabelsRequest)
    lenient_decoding.decode(b'{"labels": []}', CreateLabelsRequest)
    assert CreateLabelsRequest in lenient_decoding.PREPARED


def test_first_decode_waits_while_another_thread_prepares_a_type() -> None:
    lenient_decoding.PREPARED.discard(CreateLabelsRequest)
    decoded: list[object] = []
    thread = threading.Thread(
        target=lambda: decoded.append(lenient_decoding.decode(b'{"labels": []}', CreateLabelsRequest))
    )
    with lenient_decoding._preparing:
        thread.start()
        thread.join(0.2)
        assert decoded == []
    thread.join(20)
    assert len(decoded) == 1


def test_first_decodes_of_the_same_types_in_several_threads_do_not_crash() -> None:
    command = [sys.executable, "-X", "faulthandler", "-c", FIRST_DECODES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
