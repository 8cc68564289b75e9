"""``/_emulator/transitions``: how background tasks go on, by kind; and which of them wait."""

from __future__ import annotations

import msgspec

from modelarts_emulator.contract.errors import PARAMETER_INVALID, ApiError
from modelarts_emulator.jobs.transitions import TASK_STATES, TaskKind, TransitionMode, TransitionRule, Transitions


class HeldTask(msgspec.Struct, kw_only=True):
    """A task that waits: ``before`` is the state to come."""

    kind: str
    dataset_id: str
    before: str
    mode: TransitionMode


class TransitionsState(msgspec.Struct, kw_only=True):
    """The rule of every kind, and the tasks that wait."""

    transitions: dict[TaskKind, TransitionRule]
    held: list[HeldTask]


class TransitionsQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Whose rules: those of a project, or without one those for all projects that have none of their own."""

    project_id: str | None = None


class TransitionsControl:
    """The endpoints."""

    def __init__(self, transitions: Transitions) -> None:
        self._transitions = transitions

    def show_transitions(self, query: TransitionsQuery) -> TransitionsState:
        """The rule of every kind, and the tasks that wait, of all projects."""
        held = [HeldTask(**each._asdict()) for each in self._transitions.held()]
        return TransitionsState(transitions=self._transitions.rules(query.project_id), held=held)

    def put_transitions(self, query: TransitionsQuery, request: dict[TaskKind, TransitionRule]) -> TransitionsState:
        """Replace the rules; a kind that is not named has none, and what was held because of it goes on.

        A task that waits by a rule that has changed goes on as well. Raises PARAMETER_INVALID.
        """
        for kind, rule in request.items():
            if rule.before not in (None, *TASK_STATES[kind]):
                states = ", ".join(TASK_STATES[kind])
                raise ApiError(PARAMETER_INVALID, f"{kind}: before is one of {states}")
        self._transitions.put(request, query.project_id)
        return self.show_transitions(query)
