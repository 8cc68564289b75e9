"""What a test has of the emulator: a project and a bucket of its own, and the switches for what is to go wrong."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.control.fault_injection import Fault
from modelarts_emulator.control.request_log.log import CONSOLE_CALL, LoggedRequest, RequestsQuery
from modelarts_emulator.control.reset import delete_datasets
from modelarts_emulator.control.wait_idle import describe_open_work
from modelarts_emulator.iam.accounts import AccessKey, User
from modelarts_emulator.jobs.transitions import TaskKind, TransitionRule
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.testing.global_state import GlobalState

if TYPE_CHECKING:
    from modelarts_emulator.server import Emulator
    from modelarts_emulator.util.clock import AdjustableClock

USER = PASSWORD = "test"
ACCESS_KEY, SECRET_KEY = "TESTACCESSKEY", "test-secret-key"

# As many requests of a test that has failed are shown.
_TOLD = 50


def account_settings(*, strict: bool) -> dict[str, Any]:
    """Members of ``Settings``: who may log in, and sign, where the emulator lets in nobody else."""
    if not strict:
        return {}
    keys = (AccessKey(ACCESS_KEY, SECRET_KEY, USER),)
    return {"users": (User(USER, password=PASSWORD),), "access_keys": keys, "control_key": SECRET_KEY}


class Refused(AssertionError):
    """A call was answered with an error; ``status`` and ``error_code`` say which."""

    def __init__(self, status: int, body: Any, what: str) -> None:
        self.status, self.body = status, body
        self.error_code = body.get("error_code") if isinstance(body, dict) else None
        super().__init__(f"{what}: {status} {body}")


class Project:
    """A project and its bucket. ``remove`` ends them; nothing of another project is touched by anything here."""

    def __init__(self, emulator: Emulator, number: int) -> None:
        self.emulator = emulator
        self.project_id = f"project-{number:05d}"
        self.bucket = f"bucket-{number:05d}"
        self.access_key, self.secret_key = ACCESS_KEY, SECRET_KEY
        """What signs for object storage, in place of ``headers``."""
        self._folder = emulator.create_bucket(self.bucket)
        self._client = emulator.client()
        self._client.environ_base |= {CONSOLE_CALL: "1"}
        self.headers = {"X-Auth-Token": self._log_in() if emulator.settings.strict else "token"}
        """What a request needs beside its body."""
        self._faults: list[str] = []

    # Where things are

    @property
    def url(self) -> str:
        """The emulator's base URL, without a final slash: identity is below ``/v3``, objects below ``/<bucket>``."""
        return self.emulator.url

    @property
    def endpoint(self) -> str:
        """The URL of the data-management API of this project: ``…/v2/<project_id>``."""
        return f"{self.url}/v2/{self.project_id}"

    @property
    def cloud(self) -> dict[str, Any]:
        """Arguments for ``openstack.connect`` with otcextensions; nothing of this machine's own profiles is read."""
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
        """The emulator's clock: ``freeze()``, ``advance(ms)``. It is everybody's, and put back after the test."""
        return self.emulator.runtime.clock

    def path(self, key: str = "") -> Path:
        """Where an object of the bucket lies on this machine; it need not exist. Raises ApiError (PATH_INVALID)."""
        return self._folder / ObsPath(self.bucket, key).key if key else self._folder

    def obs(self, key: str = "") -> str:
        """An object's or a directory's path as the API takes it: ``/<bucket>/<key>``."""
        return f"/{self.bucket}/{key}"

    # What a test does

    def put_file(self, key: str, content: bytes | str | Path) -> str:
        """Put a file into the bucket, whole at once, and return its path as ``obs`` does. A text is UTF-8."""
        data = content.read_bytes() if isinstance(content, Path) else content
        self.emulator.runtime.tree.write(
            ObsPath.parse(self.obs(key)), data.encode() if isinstance(data, str) else data, flush=False
        )
        return self.obs(key)

    def call(self, method: str, path: str = "", body: Any = None, **query: Any) -> Any:
        """Call the API below ``endpoint``, and return what it answers. Raises Refused.

        ``modelarts.call("GET", "/datasets", limit=5)`` prepares a test or looks at what has come of it: no fault hits
        it, and it is not among ``requests``. A client that is tested calls ``endpoint`` instead.
        """
        answer = self._client.open(
            f"/v2/{self.project_id}{path}", method=method, json=body, query_string=query, headers=self.headers
        )
        found = json.loads(answer.data) if answer.data else None
        if answer.status_code >= 400:
            raise Refused(answer.status_code, found, f"{method} {path}")
        return found

    def wait_idle(self, timeout_s: float = 10.0) -> None:
        """Return when files and datasets agree and no task of this project is open.

        Raises TimeoutError, which says what still is.
        """
        self.emulator.wait_idle(timeout_s, self.project_id)

    def wait_tasks(self, timeout_s: float = 10.0) -> None:
        """Return when no task of this project is open; quicker than ``wait_idle``. Raises TimeoutError."""
        runtime = self.emulator.runtime
        ids = {entry.record.id for entry in runtime.store.entries(self.project_id)}
        if not runtime.tasks.wait_idle(timeout_s, ids):
            raise TimeoutError(f"not idle after {timeout_s:g} s: {describe_open_work(runtime, self.project_id)}")

    def requests(self, operation: str | None = None) -> list[LoggedRequest]:
        """What clients have sent to this project, oldest first, with what they were answered; the latest 1,000."""
        return self.emulator.control.log.find(RequestsQuery(project_id=self.project_id, operation=operation))

    def told(self) -> str:
        """What clients have sent, for people: a line for each request, the latest last."""
        found = self.requests()
        left_out = [f"… {len(found) - _TOLD} before"] if len(found) > _TOLD else []
        return "\n".join([*left_out, *(_line(request) for request in found[-_TOLD:])])

    # What is to go wrong

    def fault(self, **members: Any) -> str:
        """Let something go wrong in this project and return the fault's id; the members are those of ``Fault``.

        ``modelarts.fault(operation="ListSamples", status=503, times=2)``; with ``service="obs"`` it hits requests for
        the bucket, with ``service="iam"`` everybody's logins. Raises msgspec.ValidationError where it means nothing.
        """
        if members.get("service") == "obs":
            members.setdefault("path", f"/{self.bucket}/*")
        elif members.get("service") != "iam":
            members.setdefault("project_id", self.project_id)
        added = self.emulator.control.faults.add_fault(msgspec.convert(members, Fault)).id
        self._faults.append(added)
        return added

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        while self._faults:
            with suppress(ApiError):
                self.emulator.control.faults.remove_fault(self._faults.pop())

    def transition(self, kind: TaskKind, mode: str, **members: Any) -> None:
        """How tasks of a kind go on in this project: ``modelarts.transition("publish", "time", ms=200)``.

        The modes are ``immediate``, ``time``, ``polls``, ``hold`` and ``fail``. Raises msgspec.ValidationError.
        """
        rule = msgspec.convert({"mode": mode, **members}, TransitionRule)
        transitions = self.emulator.runtime.transitions
        transitions.put({**self._rules(), kind: rule}, self.project_id)

    @contextmanager
    def held(self, kind: TaskKind, before: str | None = None) -> Iterator[None]:
        """Hold tasks of a kind meanwhile, before they go on to a state; afterwards they go on."""
        rules = self._rules()
        self.transition(kind, "hold", before=before)
        try:
            yield
        finally:
            self.emulator.runtime.transitions.put(rules, self.project_id)

    def _rules(self) -> dict[TaskKind, TransitionRule]:
        return self.emulator.runtime.transitions.own_rules(self.project_id)

    # The end

    def end(self) -> None:
        """End faults, transitions and watches of the project; its datasets and its bucket stay, to be looked at."""
        runtime = self.emulator.runtime
        self.clear_faults()
        self.emulator.control.faults.clear(self.project_id)
        runtime.transitions.put({}, self.project_id)
        self.emulator.control.log.clear(self.project_id)
        for entry in runtime.store.entries(self.project_id):
            runtime.unwatch(entry.record.id)

    def remove(self) -> None:
        """End faults, transitions, datasets and tasks of the project, and remove its bucket."""
        runtime = self.emulator.runtime
        self.end()
        delete_datasets(runtime, self.project_id)
        runtime.metadata.remove_bucket(self.bucket)
        # Renamed first: whoever is still writing into it finds nothing, rather than half of it.
        gone = self._folder.with_name(f".{self.bucket}")
        with suppress(FileNotFoundError):
            os.replace(self._folder, gone)  # noqa: PTH105
        shutil.rmtree(gone, ignore_errors=True)

    def _log_in(self) -> str:
        user = {"name": USER, "domain": {"name": "local"}, "password": PASSWORD}
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = {"project": {"id": self.project_id}}
        answer = self._client.post("/v3/auth/tokens", json={"auth": {"identity": identity, "scope": scope}})
        return answer.headers["X-Subject-Token"]


def _line(request: LoggedRequest) -> str:
    notes = [request.operation, request.error_code, request.fault, request.warnings]
    return " ".join([request.method, request.url, "->", str(request.status), *(f"({note})" for note in notes if note)])


class ProjectFactory:
    """Makes projects in an emulator, one for each test, and ends them. With ``keep`` what they have made stays."""

    def __init__(self, emulator: Emulator, *, keep: bool = False) -> None:
        self._emulator, self._keep = emulator, keep
        self._shared = GlobalState(emulator)
        # Those that an earlier run has left are not taken again.
        kept = {name for name in emulator.runtime.tree.buckets() if name.startswith("bucket-")}
        self._numbers = filter(lambda number: f"bucket-{number:05d}" not in kept, itertools.count(1))

    @contextmanager
    def one(self) -> Iterator[Project]:
        """A project, until the block ends."""
        self._shared.enter()
        try:
            project = Project(self._emulator, next(self._numbers))
            try:
                yield project
            finally:
                (project.end if self._keep else project.remove)()
        finally:
            self._shared.leave()
