"""How background tasks go from one state to the next: at once, after a time or some polls, when released, or never.

A task calls ``enter(kind, dataset_id, state)`` before it goes on to a state. Without a rule that costs one look at an
attribute.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from typing import Literal, NamedTuple, get_args

import msgspec

from modelarts_emulator.contract.errors import TASK_FAILED, ApiError, find_error

TaskKind = Literal["sync", "import", "export", "publish", "switch"]
TASK_KINDS: tuple[TaskKind, ...] = get_args(TaskKind)
TASK_STATES: Mapping[TaskKind, tuple[str, ...]] = {
    "sync": ("RUNNING", "COMPLETED"),
    "import": ("STARTING", "RUNNING", "COMPLETED"),
    "export": ("RUNNING", "SUCCESSED"),
    "publish": ("RUNNING",),
    "switch": ("NORMAL",),
}
"""The states that a task of each kind goes on to: those of tasks, of a version, and for a switch of the dataset."""

# How often a task that waits looks whether its dataset has been deleted meanwhile.
_LOOK_S = 0.1
_MAX_MS = 24 * 3600 * 1000


class TransitionMode(str, Enum):
    """How a task goes on."""

    IMMEDIATE = "immediate"
    TIME = "time"
    POLLS = "polls"
    HOLD = "hold"
    FAIL = "fail"


class TransitionRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The rule for a kind of task."""

    mode: TransitionMode
    """How the task goes on: at once, after ``ms``, after ``polls``, when released, or as failed."""
    before: str | None = None
    """The state that it holds for, the one to come, such as ``COMPLETED``; every state without it."""
    ms: int = 0
    """With ``time``: how long to wait, by the real time."""
    polls: int = 1
    """With ``polls``: how often the task must have been asked after."""
    code: str = "TASK_FAILED"
    """With ``fail``: a row of the error catalogue, by name or code."""

    def __post_init__(self) -> None:
        if not 0 <= self.ms <= _MAX_MS:
            raise ValueError(f"ms must be from 0 to {_MAX_MS}")
        if self.polls < 0:
            raise ValueError("polls must not be below 0")
        if self.mode is TransitionMode.FAIL and find_error(self.code) is None:
            raise ValueError(f"code {self.code!r} is not in the error catalogue")


class WaitingTask(NamedTuple):
    """A task that waits: its kind and dataset, the state to come, and why it waits."""

    kind: str
    dataset_id: str
    before: str
    mode: TransitionMode


class _Waiting:
    """A task that waits, and what it waits for."""

    def __init__(self, held: WaitingTask, rule: TransitionRule) -> None:
        self.held, self.rule = held, rule
        self.deadline = time.monotonic() + rule.ms / 1000 if rule.mode is TransitionMode.TIME else float("inf")
        self.polls = 0

    @property
    def is_over(self) -> bool:
        if self.rule.mode is TransitionMode.POLLS:
            return self.polls >= self.rule.polls
        return time.monotonic() >= self.deadline


class Transitions:
    """The rules, of projects or for all, and who waits because of them. Thread-safe.

    ``project_of`` gives the project of a dataset, None if there is no such dataset; the
    context ``without_turn`` is entered while a task waits, so that another task can run in its place.
    """

    def __init__(
        self,
        project_of: Callable[[str], str | None],
        without_turn: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._project_of, self._without_turn = project_of, without_turn
        self._changed = threading.Condition()
        self._rules: dict[tuple[str | None, str], TransitionRule] = {}
        self.waiting: list[_Waiting] = []
        """Who waits: this one list always, so that a look at it tells whether anybody does."""
        self._is_stopped = False

    def enter(self, kind: TaskKind, dataset_id: str, state: str) -> None:
        """Return when the task may go on to a state. Raises ApiError where it is to fail."""
        if not self._rules:
            return
        rule = self._rule(kind, dataset_id)
        if rule is None or rule.before not in (None, state):
            return
        if rule.mode is TransitionMode.FAIL:
            raise ApiError(find_error(rule.code) or TASK_FAILED, f"the {kind} task was told to fail before {state}")
        with self._without_turn():
            self._wait(_Waiting(WaitingTask(kind, dataset_id, state, rule.mode), rule))

    def record_poll(self, kind: str, dataset_id: str) -> None:
        """Note that somebody has asked after a task; an empty ``kind`` is any of the dataset."""
        if not self.waiting:
            return
        with self._changed:
            for waiting in self.waiting:
                if waiting.held.dataset_id == dataset_id and kind in ("", waiting.held.kind):
                    waiting.polls += 1
            self._changed.notify_all()

    @property
    def has_waiting(self) -> bool:
        """Whether any task waits."""
        return bool(self.waiting)

    def rules(self, project_id: str | None = None) -> dict[TaskKind, TransitionRule]:
        """The rule of every kind: those of a project, or with None those for all that have none of their own."""
        immediate = TransitionRule(mode=TransitionMode.IMMEDIATE)
        return {kind: self._rules.get((project_id, kind), immediate) for kind in TASK_KINDS}

    def own_rules(self, project_id: str | None) -> dict[TaskKind, TransitionRule]:
        """The rules that a project has of its own, to be given to ``put``."""
        return {kind: rule for kind in TASK_KINDS if (rule := self._rules.get((project_id, kind))) is not None}

    def put(self, rules: Mapping[TaskKind, TransitionRule], project_id: str | None = None) -> None:
        """Replace all rules of a project, or those for all; what is held by none of them any more goes on."""
        new = {(project_id, kind): rule for kind, rule in rules.items()}
        with self._changed:
            kept = {key: rule for key, rule in self._rules.items() if key[0] != project_id}
            # Of a project, "immediate" is an exception from what is for all; for all, it is no rule.
            self._rules = kept | {
                key: rule
                for key, rule in new.items()
                if key[0] is not None or rule.mode is not TransitionMode.IMMEDIATE
            }
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget every rule, and let everything go on."""
        with self._changed:
            self._rules = {}
            self._changed.notify_all()

    def recheck(self) -> None:
        """Have those that wait see at once whether their datasets are gone."""
        with self._changed:
            self._changed.notify_all()

    def held(self) -> list[WaitingTask]:
        """The tasks that wait now, what has waited longest first."""
        with self._changed:
            return [waiting.held for waiting in self.waiting]

    def stop(self) -> None:
        """Let everything go on, for good: the end has come."""
        with self._changed:
            self._is_stopped = True
            self._rules = {}
            self._changed.notify_all()

    def _rule(self, kind: str, dataset_id: str) -> TransitionRule | None:
        """The rule in force; None where a task goes on at once."""
        project_id = self._project_of(dataset_id)
        if project_id is None:
            return None
        rules = self._rules
        rule = rules.get((project_id, kind)) or rules.get((None, kind))
        return None if rule is None or rule.mode is TransitionMode.IMMEDIATE else rule

    def _wait(self, waiting: _Waiting) -> None:
        with self._changed:
            self.waiting.append(waiting)
            try:
                while not self._may_go(waiting):
                    self._changed.wait(min(_LOOK_S, max(0.0, waiting.deadline - time.monotonic())))
            finally:
                self.waiting.remove(waiting)

    def _may_go(self, waiting: _Waiting) -> bool:
        kind, dataset_id, *_ = waiting.held
        return self._is_stopped or waiting.is_over or self._rule(kind, dataset_id) != waiting.rule
