"""Rules that delay, hold or fail the state transitions of background tasks.

A task calls ``enter(kind, dataset_id, state)`` before it enters a state. Without any rule that costs one attribute
access.
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

TaskKind = Literal["sync", "import", "export", "publish", "switch", "inference"]
TASK_KINDS: tuple[TaskKind, ...] = get_args(TaskKind)
TASK_STATES: Mapping[TaskKind, tuple[str, ...]] = {
    "sync": ("RUNNING", "COMPLETED"),
    "import": ("STARTING", "RUNNING", "COMPLETED"),
    "export": ("RUNNING", "SUCCESSED"),
    "publish": ("RUNNING",),
    "switch": ("NORMAL",),
    "inference": ("RUNNING", "COMPLETED"),
}
"""For each kind, the states that a task enters: of the task, of the version, or of the dataset for a switch."""

_CHECK_INTERVAL_S = 0.1
"""The interval in which a waiting task checks whether its dataset has been deleted."""
_MAX_MS = 24 * 3600 * 1000


class TransitionMode(str, Enum):
    """The way in which a task goes on to its next state."""

    IMMEDIATE = "immediate"
    TIME = "time"
    POLLS = "polls"
    HOLD = "hold"
    FAIL = "fail"


class TransitionRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The transition rule of a kind of task."""

    mode: TransitionMode
    """The way in which the task goes on: at once, after ``ms``, after ``polls``, when released, or as failed."""
    before: str | None = None
    """The state whose entry the rule applies to, such as ``COMPLETED``; None for every state."""
    ms: int = 0
    """With ``time``: how long to wait, in milliseconds of real time."""
    polls: int = 1
    """With ``polls``: how often clients must have requested the task's state."""
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
    """A task that waits: its kind and dataset, the state that it is about to enter, and the mode of its rule."""

    kind: str
    dataset_id: str
    before: str
    mode: TransitionMode


class _Waiting:
    """A waiting task, its rule, and the polls so far."""

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
    """The transition rules of projects, and for all projects; and the tasks that wait because of them. Thread-safe.

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
        """The waiting tasks. The list is never replaced, so that other threads can check whether it is empty."""
        self._is_stopped = False

    def enter(self, kind: TaskKind, dataset_id: str, state: str) -> None:
        """Wait until the task may enter a state. Raises ApiError if the rule fails the task."""
        if not self._rules:
            return
        rule = self._rule(kind, dataset_id)
        if rule is None or rule.before not in (None, state):
            return
        if rule.mode is TransitionMode.FAIL:
            raise ApiError(
                find_error(rule.code) or TASK_FAILED, f"a transition rule fails the {kind} task before {state}"
            )
        with self._without_turn():
            self._wait(_Waiting(WaitingTask(kind, dataset_id, state, rule.mode), rule))

    def record_poll(self, kind: str, dataset_id: str) -> None:
        """Record that a client has requested the state of a task; an empty ``kind`` means every task of the dataset."""
        if not self.waiting:
            return
        with self._changed:
            for waiting in self.waiting:
                if waiting.held.dataset_id == dataset_id and kind in ("", waiting.held.kind):
                    waiting.polls += 1
            self._changed.notify_all()

    @property
    def has_waiting(self) -> bool:
        """Return whether a task waits: it is held, or its time or polls are not over."""
        return bool(self.waiting)

    def rules(self, project_id: str | None = None) -> dict[TaskKind, TransitionRule]:
        """Return the rule of every kind for a project; with None, for all projects without a rule of their own."""
        immediate = TransitionRule(mode=TransitionMode.IMMEDIATE)
        return {kind: self._rules.get((project_id, kind), immediate) for kind in TASK_KINDS}

    def own_rules(self, project_id: str | None) -> dict[TaskKind, TransitionRule]:
        """Return the rules that a project has of its own, in the form that ``put`` takes."""
        return {kind: rule for kind in TASK_KINDS if (rule := self._rules.get((project_id, kind))) is not None}

    def put(self, rules: Mapping[TaskKind, TransitionRule], project_id: str | None = None) -> None:
        """Replace all rules of a project, or with None those for all projects.

        Waiting tasks continue if no rule makes them wait any more.
        """
        new = {(project_id, kind): rule for kind, rule in rules.items()}
        with self._changed:
            kept = {key: rule for key, rule in self._rules.items() if key[0] != project_id}
            # A project's "immediate" overrides a rule for all projects; for all projects it means no rule.
            self._rules = kept | {
                key: rule
                for key, rule in new.items()
                if key[0] is not None or rule.mode is not TransitionMode.IMMEDIATE
            }
            self._changed.notify_all()

    def clear(self) -> None:
        """Remove every rule; all waiting tasks go on."""
        with self._changed:
            self._rules = {}
            self._changed.notify_all()

    def recheck(self) -> None:
        """Make waiting tasks check immediately whether their datasets have been deleted."""
        with self._changed:
            self._changed.notify_all()

    def held(self) -> list[WaitingTask]:
        """Return the waiting tasks, the one that has waited longest first."""
        with self._changed:
            return [waiting.held for waiting in self.waiting]

    def stop(self) -> None:
        """Remove every rule for good, because the emulator is stopping."""
        with self._changed:
            self._is_stopped = True
            self._rules = {}
            self._changed.notify_all()

    def _rule(self, kind: str, dataset_id: str) -> TransitionRule | None:
        """Return the active rule; None if the task goes on immediately."""
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
                    self._changed.wait(min(_CHECK_INTERVAL_S, max(0.0, waiting.deadline - time.monotonic())))
            finally:
                self.waiting.remove(waiting)

    def _may_go(self, waiting: _Waiting) -> bool:
        kind, dataset_id, *_ = waiting.held
        return self._is_stopped or waiting.is_over or self._rule(kind, dataset_id) != waiting.rule
