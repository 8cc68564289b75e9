"""A project and a bucket for one test, with calls, faults and transitions limited to them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.control.request_log.log import CONSOLE_CALL, LoggedRequest
from modelarts_emulator.embedding.keywords import FaultKeywords, ModeName, OperationName
from modelarts_emulator.embedding.request_history import request_summary
from modelarts_emulator.exceptions import EmulatorError
from modelarts_emulator.iam.accounts import AccessKey, User
from modelarts_emulator.jobs.transitions import TaskKind
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.testing.global_state import GlobalState

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from modelarts_emulator.server import Emulator
    from modelarts_emulator.util.clock import AdjustableClock

USER = PASSWORD = "test"
ACCESS_KEY, SECRET_KEY = "TESTACCESSKEY", "test-secret-key"


def account_settings(*, strict: bool) -> dict[str, Any]:
    """Return the members of ``Settings`` with the accounts of the fixtures; none in open mode."""
    if not strict:
        return {}
    keys = (AccessKey(ACCESS_KEY, SECRET_KEY, USER),)
    return {"users": (User(USER, password=PASSWORD),), "access_keys": keys, "control_key": SECRET_KEY}


class RequestRefused(EmulatorError, AssertionError):
    """A call of a fixture was answered with an error.

    ``status`` is the HTTP status, ``error_code`` such as ``ModelArts.4352``, and ``body`` the decoded answer.
    """

    def __init__(self, status: int, body: Any, call: str) -> None:
        self.status, self.body = status, body
        self.error_code = body.get("error_code") if isinstance(body, dict) else None
        super().__init__(f"{call}: {status} {body}")


class Project:
    """A project and its bucket, the fixture ``modelarts``. Other projects are not affected by any of its methods.

    >>> modelarts.call("GET", "/datasets")["total_number"]
    0
    """

    def __init__(self, emulator: Emulator, number: int) -> None:
        self.emulator = emulator
        self.project_id = f"project-{number:05d}"
        self.bucket = f"bucket-{number:05d}"
        self.access_key, self.secret_key = ACCESS_KEY, SECRET_KEY
        """Sign requests to object storage, instead of ``headers``."""
        self._folder = emulator.create_bucket(self.bucket)
        self._client = emulator.client()
        self._client.environ_base |= {CONSOLE_CALL: "1"}
        self.headers = {"X-Auth-Token": self._log_in() if emulator.settings.strict else "token"}
        """Headers that authenticate a request."""
        self._faults: list[str] = []

    def __repr__(self) -> str:
        return f"<Project {self.endpoint}, bucket {self.bucket}>"

    # Addresses

    @property
    def url(self) -> str:
        """The emulator's base URL, without a final slash: identity is below ``/v3``, objects below ``/<bucket>``."""
        return self.emulator.url

    @property
    def endpoint(self) -> str:
        """The URL of this project's data-management API: ``…/v2/<project_id>``."""
        return f"{self.url}/v2/{self.project_id}"

    @property
    def cloud(self) -> dict[str, Any]:
        """Arguments of ``openstack.connect`` with otcextensions; profiles and variables of the user are not read."""
        return {
            "auth_url": f"{self.url}/v3",
            "username": USER,
            "password": PASSWORD,
            "project_id": self.project_id,
            "user_domain_name": "local",
            "vendor_hook": "otcextensions.sdk:load",
            "load_yaml_config": False,
            "load_envvars": False,
        }

    @property
    def clock(self) -> AdjustableClock:
        """The emulator's clock: ``freeze()``, ``advance(ms)``. All projects share it; it is restored after the test."""
        return self.emulator.clock

    def path(self, key: str = "") -> Path:
        """Return the file of an object of the bucket, which need not exist. Raises ApiError: PATH_INVALID.

        >>> modelarts.path("input/1.jpg") == modelarts.path() / "input" / "1.jpg"
        True
        """
        return self._folder / ObsPath(self.bucket, key).key if key else self._folder

    def obs(self, key: str = "") -> str:
        """Return the path of an object or directory as the API takes it: ``/<bucket>/<key>``.

        >>> modelarts.obs("input/") == f"/{modelarts.bucket}/input/"
        True
        """
        return f"/{self.bucket}/{key}"

    # Actions

    def put_file(self, key: str, content: bytes | str | Path) -> str:
        """Write an object at once and return its path as ``obs`` does; a string is written as UTF-8.

        >>> modelarts.put_file("input/a.txt", "first line") == modelarts.obs("input/a.txt")
        True
        """
        return self.emulator.write_object(self.obs(key), content)

    def call(self, method: str, path: str = "", body: Any = None, **query: Any) -> Any:
        """Call the API below ``endpoint`` and return the decoded answer.

        For preparing a test and checking its result: faults do not hit these calls, and ``requests`` leaves them out.
        The client under test calls ``endpoint`` itself.

        >>> modelarts.call("GET", "/datasets", limit=5)["datasets"]
        []

        Raises:
            RequestRefused: the answer is an error.
        """
        answer = self._client.open(
            f"/v2/{self.project_id}{path}", method=method, json=body, query_string=query, headers=self.headers
        )
        found = json.loads(answer.data) if answer.data else None
        if answer.status_code >= 400:
            raise RequestRefused(answer.status_code, found, f"{method} {path}")
        return found

    def wait_idle(self, timeout_s: float = 10.0) -> None:
        """Return when datasets agree with their files and no task of this project is open.

        >>> modelarts.wait_idle()

        Raises:
            IdleTimeout: a TimeoutError that names the open work.
        """
        self.emulator.wait_idle(timeout_s, self.project_id)

    def wait_tasks(self, timeout_s: float = 10.0) -> None:
        """Return when no task of this project is open; faster than ``wait_idle``. Raises IdleTimeout.

        >>> modelarts.wait_tasks()
        """
        self.emulator.wait_tasks(timeout_s, self.project_id)

    # Requests of the client under test

    def requests(self, operation: OperationName | None = None, *, status: int | None = None) -> list[LoggedRequest]:
        """Return the latest 1,000 requests of clients to this project, oldest first, with their answers.

        >>> [each.url for each in modelarts.requests("ListDatasets")]
        []
        """
        return self.emulator.requests(operation, project_id=self.project_id, status=status)

    def assert_called(self, operation: OperationName, times: int | None = None, *, status: int | None = None) -> None:
        """Check that clients called an operation of this project ``times`` times, or at least once without ``times``.

        >>> modelarts.assert_called("ListSamples", times=0)

        Raises:
            UnexpectedCalls: an AssertionError that lists the requests received.
        """
        self.emulator.assert_called(operation, times, project_id=self.project_id, status=status)

    def request_summary(self) -> str:
        """Return one line for each of the latest 50 requests of clients, newest last.

        >>> modelarts.request_summary()
        ''
        """
        return request_summary(self.requests())

    # Faults and transitions

    def fault(self, **fault: Unpack[FaultKeywords]) -> str:
        """Inject a fault into this project and return its id.

        With ``service="obs"`` it hits requests to the bucket, with ``service="iam"`` the logins of all projects.

        >>> modelarts.fault(operation="ListSamples", status=503, times=2)
        'fault-...'

        Raises:
            UnknownKeyword: a keyword does not exist.
            InvalidValue: a value is not accepted, or no effect is given.
        """
        if fault.get("service") == "obs":
            fault.setdefault("path", f"/{self.bucket}/*")
        elif fault.get("service") != "iam":
            fault.setdefault("project_id", self.project_id)
        added = self.emulator.faults.add(**fault)
        self._faults.append(added)
        return added

    def clear_faults(self) -> None:
        """Remove the faults that this object has injected.

        >>> modelarts.clear_faults()
        """
        while self._faults:
            with suppress(ApiError):  # removed by other means
                self.emulator.faults.remove(self._faults.pop())

    def transition(
        self,
        kind: TaskKind,
        mode: ModeName,
        *,
        before: str | None = None,
        ms: int | None = None,
        polls: int | None = None,
        code: str | None = None,
    ) -> None:
        """Set how tasks of a kind go on in this project; the arguments are those of ``TransitionControl.set``.

        >>> modelarts.transition("publish", "time", ms=200)
        >>> modelarts.transition("import", "fail", before="COMPLETED")

        Raises:
            InvalidValue: the kind, the mode or another value is not accepted.
        """
        self.emulator.transitions.set(
            kind, mode, before=before, ms=ms, polls=polls, code=code, project_id=self.project_id
        )

    @contextmanager
    def held(self, kind: TaskKind, before: str | None = None) -> Iterator[None]:
        """Hold tasks of a kind inside the block, before they go on to the state ``before`` or to any state.

        >>> with modelarts.held("publish"):
        ...     pass  # a version published here stays at status 0
        """
        with self.emulator.transitions.held(kind, before, self.project_id):
            yield

    # End

    def end(self) -> None:
        """End faults, transitions and watches of the project; keep its datasets and its bucket."""
        self.clear_faults()
        self.emulator.end_project(self.project_id, keep_datasets=True)

    def remove(self) -> None:
        """Delete datasets, tasks, faults and transitions of the project, and its bucket."""
        self.clear_faults()
        self.emulator.end_project(self.project_id)
        with suppress(ApiError):  # the test has deleted it
            self.emulator.remove_bucket(self.bucket)

    def _log_in(self) -> str:
        user = {"name": USER, "domain": {"name": "local"}, "password": PASSWORD}
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = {"project": {"id": self.project_id}}
        answer = self._client.post("/v3/auth/tokens", json={"auth": {"identity": identity, "scope": scope}})
        return answer.headers["X-Subject-Token"]


class ProjectFactory:
    """Creates a project for each test and ends it afterwards; with ``keep``, its datasets and its bucket remain."""

    def __init__(self, emulator: Emulator, *, keep: bool = False) -> None:
        self._emulator, self._keep = emulator, keep
        self._global_state = GlobalState(emulator)
        # A kept data directory already has the projects of earlier runs.
        kept = {name for name in emulator.buckets() if name.startswith("bucket-")}
        self._numbers = filter(lambda number: f"bucket-{number:05d}" not in kept, itertools.count(1))

    def __repr__(self) -> str:
        return f"<ProjectFactory in {self._emulator.url}>"

    @contextmanager
    def one(self) -> Iterator[Project]:
        """Create a project, and end it after the block."""
        self._global_state.enter()
        try:
            project = Project(self._emulator, next(self._numbers))
            try:
                yield project
            finally:
                (project.end if self._keep else project.remove)()
        finally:
            self._global_state.leave()
