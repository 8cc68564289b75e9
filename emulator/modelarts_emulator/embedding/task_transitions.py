"""Rules by which background tasks change state: ``emulator.transitions``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from modelarts_emulator.embedding.keywords import ModeName
from modelarts_emulator.exceptions import InvalidValue, require_choice
from modelarts_emulator.jobs.transitions import (
    TASK_KINDS,
    TASK_STATES,
    TaskKind,
    TransitionMode,
    TransitionRule,
    Transitions,
)


class TransitionControl:
    """Sets how tasks of a kind go on: at once, after a time or some polls, when released, or never. Thread-safe.

    The kinds are ``sync``, ``import``, ``export``, ``publish`` and ``switch``. A rule of a project takes precedence
    over the rule for all projects.

    >>> emu.transitions.set("publish", "time", ms=200)
    >>> emu.transitions.rules()["publish"].ms
    200
    >>> emu.transitions.clear()
    """

    def __init__(self, transitions: Transitions) -> None:
        self._transitions = transitions

    def __repr__(self) -> str:
        rules = {
            kind: rule.mode.value for kind, rule in self.rules().items() if rule.mode is not TransitionMode.IMMEDIATE
        }
        return f"<TransitionControl: {rules or 'all immediate'}>"

    def set(
        self,
        kind: TaskKind,
        mode: ModeName,
        *,
        before: str | None = None,
        ms: int | None = None,
        polls: int | None = None,
        code: str | None = None,
        project_id: str | None = None,
    ) -> None:
        """Set the rule of one kind of task, for one project or for all; other kinds keep theirs.

        ``before`` is the state that the rule guards, such as ``COMPLETED``; without it every state. ``ms`` belongs to
        mode ``time``, ``polls`` to ``polls`` and ``code``, a row of the error catalogue, to ``fail``.

        >>> emu.transitions.set("import", "fail", before="COMPLETED", code="TASK_FAILED", project_id="project")
        >>> emu.transitions.set("publsh", "hold")
        Traceback (most recent call last):
            ...
        modelarts_emulator.exceptions.InvalidValue: kind 'publsh' is not accepted; did you mean 'publish'?
        >>> emu.transitions.clear("project")

        Raises:
            InvalidValue: the kind, the mode or another value is not accepted.
        """
        require_choice(kind, TASK_KINDS, "kind")
        require_choice(mode, [each.value for each in TransitionMode], "mode")
        if before is not None:
            require_choice(before, TASK_STATES[kind], f"before of a {kind} task")
        given: dict[str, Any] = {"mode": mode, "before": before, "ms": ms, "polls": polls, "code": code}
        try:
            rule = msgspec.convert({name: value for name, value in given.items() if value is not None}, TransitionRule)
        except msgspec.ValidationError as error:
            raise InvalidValue(f"transition: {error}") from None
        self._transitions.put({**self._own(project_id), kind: rule}, project_id)

    def rules(self, project_id: str | None = None) -> dict[TaskKind, TransitionRule]:
        """Return the rule of every kind that applies to all projects, or that a project has of its own.

        >>> emu.transitions.rules()["publish"].mode.value
        'immediate'
        """
        return self._transitions.rules(project_id)

    def replace(self, rules: Mapping[TaskKind, TransitionRule], project_id: str | None = None) -> None:
        """Replace all rules of a project, or those for all, with ``rules``; tasks that none of them holds go on.

        >>> emu.transitions.replace(emu.transitions.rules())
        """
        self._transitions.put(rules, project_id)

    def clear(self, project_id: str | None = None) -> None:
        """Remove the rules of a project, or those for all; tasks that they held go on.

        >>> emu.transitions.clear()
        """
        self._transitions.put({}, project_id)

    @contextmanager
    def held(self, kind: TaskKind, before: str | None = None, project_id: str | None = None) -> Iterator[None]:
        """Hold tasks of a kind inside the block, and release them after it.

        >>> with emu.transitions.held("publish", project_id="project"):
        ...     emu.transitions.rules("project")["publish"].mode.value
        'hold'
        """
        earlier = self._own(project_id)
        self.set(kind, "hold", before=before, project_id=project_id)
        try:
            yield
        finally:
            self._transitions.put(earlier, project_id)

    def _own(self, project_id: str | None) -> dict[TaskKind, TransitionRule]:
        return self.rules() if project_id is None else self._transitions.own_rules(project_id)
