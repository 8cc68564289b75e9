"""``/_emulator/inference``: set the answers of the models of intelligent tasks."""

from __future__ import annotations

import msgspec

from modelarts_emulator.inference.script import InferenceScript
from modelarts_emulator.runtime import Runtime


class InferenceQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Select the script of a project or dataset; without a member, the one for everything."""

    project_id: str | None = None
    """Project with a script of its own; without it the script of all projects that have none of their own."""
    dataset_id: str | None = None
    """Dataset with a script of its own."""


class InferenceControl:
    """The endpoints ``/_emulator/inference``. Scripts are in memory: they are lost when the emulator stops."""

    def __init__(self, emu: Runtime) -> None:
        self._emu = emu

    def show_inference(self, query: InferenceQuery) -> InferenceScript:
        """Return the script that counts for a dataset or project; an empty one if none was set."""
        return self._emu.inference.find(query.project_id, query.dataset_id)

    def put_inference(self, query: InferenceQuery, request: InferenceScript) -> InferenceScript:
        """Set the answers of the models, by patterns of file names; the first rule that matches counts.

        Without a rule a sample gets one of the dataset's labels, the same one in each run. Raises PARAMETER_INVALID.
        """
        self._emu.inference.put(request, query.project_id, query.dataset_id)
        return request

    def delete_inference(self, query: InferenceQuery) -> None:
        """Remove a script."""
        self._emu.inference.remove(query.project_id, query.dataset_id)
