"""``/_emulator/transitions``: decide how background tasks go from one state to the next, by kind of task."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import msgspec

from modelarts_emulator.contract.errors import PARAMETER_INVALID, ApiError
from modelarts_emulator.jobs.transitions import TASK_STATES, TaskKind, TransitionMode, TransitionRule, Transitions

_Rules = Mapping[TaskKind, TransitionRule]


class HeldTask(msgspec.Struct, kw_only=True):
    """A task that waits because of a transition rule."""

    kind: str
    """Kind of task: ``sync``, ``import``, ``export``, ``publish``, ``switch`` or ``inference``."""
    dataset_id: str
    """Dataset that the task works on."""
    before: str
    """State that the task enters next."""
    mode: TransitionMode
    """Reason for waiting, as in the rule."""


class TransitionsState(msgspec.Struct, kw_only=True):
    """The rule of every kind of task, and the tasks that wait."""

    transitions: dict[TaskKind, TransitionRule]
    """Rule of each kind; ``immediate`` where none was set."""
    held: list[HeldTask]
    """Waiting tasks of all projects, the one that has waited longest first."""


class TransitionsQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Select whose rules are meant."""

    project_id: str | None = None
    """Project with rules of its own; without it the rules of all projects that have none of their own."""


class TransitionsControl:
    """The endpoints ``/_emulator/transitions``."""

    def __init__(self, transitions: Transitions) -> None:
        self._transitions = transitions
        self._changing = threading.Lock()

    def show_transitions(self, query: TransitionsQuery) -> TransitionsState:
        """Return the rule of every kind of task, and the tasks that wait."""
        held = [HeldTask(**each._asdict()) for each in self._transitions.held()]
        return TransitionsState(transitions=self._transitions.rules(query.project_id), held=held)

    def put_transitions(self, query: TransitionsQuery, request: dict[TaskKind, TransitionRule]) -> TransitionsState:
        """Replace the rules of all kinds: a kind that the request does not name loses its rule.

        To change one kind and keep the others, use PATCH. A task that waits because of a rule that is gone or changed
        goes on. Raises PARAMETER_INVALID.
        """
        _require_known_states(request)
        with self._changing:
            self._transitions.put(request, query.project_id)
        return self.show_transitions(query)

    def patch_transitions(self, query: TransitionsQuery, request: dict[TaskKind, TransitionRule]) -> TransitionsState:
        """Set the rules of the kinds that the request names, and keep those of the others.

        A task that waits because of a rule that has changed goes on. Raises PARAMETER_INVALID.
        """
        _require_known_states(request)
        with self._changing:
            self._transitions.put({**self._transitions.own_rules(query.project_id), **request}, query.project_id)
        return self.show_transitions(query)


def _require_known_states(rules: _Rules) -> None:
    for kind, rule in rules.items():
        if rule.before not in (None, *TASK_STATES[kind]):
            raise ApiError(PARAMETER_INVALID, f"{kind}: before must be one of {', '.join(TASK_STATES[kind])}")
