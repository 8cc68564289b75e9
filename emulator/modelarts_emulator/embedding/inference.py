"""Scripts of intelligent tasks of an embedded emulator: ``emulator.inference``."""

from __future__ import annotations

from typing import Any

import msgspec

from modelarts_emulator.exceptions import InvalidValue
from modelarts_emulator.inference.script import InferenceScript, InferenceScripts


class InferenceScriptControl:
    """Sets the answers of the models of intelligent tasks, for everything, a project or a dataset.

    >>> emu.inference.set([{"match": "cat-*", "labels": [{"name": "cat", "score": 0.9}]}])
    >>> len(emu.inference.get().rules)
    1
    >>> emu.inference.clear()
    """

    def __init__(self, scripts: InferenceScripts) -> None:
        self._scripts = scripts

    def __repr__(self) -> str:
        return f"<InferenceScriptControl: {len(self.get().rules)} rules for all projects>"

    def set(
        self,
        rules: list[dict[str, Any]],
        *,
        seed: int | str = 0,
        project_id: str | None = None,
        dataset_id: str | None = None,
    ) -> None:
        """Set the rules; the members of a rule are those of ``PUT /_emulator/inference``.

        >>> emu.inference.set([{"label_from": "folder", "score": 0.8}], project_id="project")
        >>> emu.inference.clear("project")

        Raises:
            InvalidValue: a member of a rule does not exist or is not accepted.
        """
        try:
            script = msgspec.convert({"rules": rules, "seed": seed}, InferenceScript)
        except msgspec.ValidationError as error:
            raise InvalidValue(f"inference: {error}") from None
        self._scripts.put(script, project_id, dataset_id)

    def get(self, project_id: str | None = None, dataset_id: str | None = None) -> InferenceScript:
        """Return the script that counts for a dataset or project.

        >>> emu.inference.get().rules
        []
        """
        return self._scripts.find(project_id, dataset_id)

    def clear(self, project_id: str | None = None) -> None:
        """Remove all scripts, or those of a project.

        >>> emu.inference.clear()
        """
        self._scripts.clear(project_id)
