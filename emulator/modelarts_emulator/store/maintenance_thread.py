"""One thread for what nobody should have to wait for: checkpoints, and putting away what is not used."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

log = logging.getLogger("modelarts-emulator")


class Background:
    """Runs jobs one after another; a job that waits already is not asked for twice. The first one starts the thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: OrderedDict[Hashable, Callable[[], None]] = OrderedDict()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_stopped = self._is_busy = False

    def request(self, key: Hashable, job: Callable[[], None]) -> None:
        """Have a job done soon. It may raise OSError, which is logged. After ``stop`` nothing is done any more."""
        with self._changed:
            if self._is_stopped:
                return
            self._jobs.setdefault(key, job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing is to be done. False when the time is over first."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._jobs and not self._is_busy, timeout_s)

    def stop(self) -> None:
        """Wait for the job that is being done, and do no other."""
        with self._changed:
            self._is_stopped = True
            self._jobs.clear()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._jobs or self._is_stopped)
                if self._is_stopped:
                    return
                _, job = self._jobs.popitem(last=False)
                self._is_busy = True
            self._do(job)

    def _do(self, job: Callable[[], None]) -> None:
        try:
            job()
        except OSError as error:
            log.error("The store could not be tidied up: %s; nothing is lost, and it is tried again later", error)
        except Exception:
            log.exception("The store could not be tidied up")
