"""One thread for work that no request waits for: checkpoints and evictions."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

log = logging.getLogger(__name__)


class MaintenanceThread:
    """Runs jobs one after another. The thread starts with the first job."""

    def __init__(self, name: str) -> None:
        """Remember ``name`` for the thread."""
        self._name = name
        self._jobs: OrderedDict[Hashable, Callable[[], None]] = OrderedDict()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_stopped = self._is_busy = False

    def schedule(self, key: Hashable, job: Callable[[], None]) -> None:
        """Queue a job; no effect while a job with this key is queued, or after ``stop``.

        An OSError of the job is logged: the next change of the dataset schedules the job again.
        """
        with self._changed:
            if self._is_stopped:
                return
            self._jobs.setdefault(key, job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until no job is queued or running. Return False after ``timeout_s`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._jobs and not self._is_busy, timeout_s)

    def stop(self) -> None:
        """Drop all queued jobs, wait for the running job, and end the thread."""
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
            log.error("Store maintenance failed (no data lost, will retry): %s", error)
        except Exception:
            log.exception("Store maintenance failed")
