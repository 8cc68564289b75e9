"""Scripts that say how the model of an intelligent task answers; without one, a deterministic choice of labels."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from modelarts_emulator.contract.labels import Label
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import DatasetType, LabelType
from modelarts_emulator.samples.hard_examples import HARD, HARD_REASONS
from modelarts_emulator.store.records import SampleRecord

Ratio = Annotated[float, Meta(ge=0, le=1)]
_HARD_SCORE = 0.6
"""Without a script, samples with a lower score are hard examples."""
_LOW_CONFIDENCE = 1
"""The reason of such hard examples: the confidence is low."""
_COEFFICIENT = "@modelarts:hard_coefficient"


class InferenceRule(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The model's answer for the samples that a pattern matches."""

    match: str = "*"
    """Pattern with ``*`` and ``?`` for the name of the file, or for its path below the bucket if it has a ``/``."""
    labels: list[SampleLabel] | None = None
    """Labels with scores, as the API has them; an empty list means that the model finds nothing."""
    label_from: Literal["folder", "name", "random"] | None = None
    """Instead of ``labels``, one label: the file's folder, the part of its name before ``-`` or ``_``, or any one."""
    score: Ratio | None = None
    """Score of labels that have none; drawn from the sample's id if absent."""
    hard: bool | None = None
    """Whether samples are hard examples; if absent, those with a score below 0.6."""
    hard_coefficient: Ratio | None = None
    """Coefficient of a hard example; one minus the score if absent."""
    hard_reasons: list[Annotated[int, Meta(ge=0, le=30)]] | None = None
    """Reasons of a hard example, 0 to 30; low confidence if absent."""
    group: str | None = None
    """Group of the samples in auto grouping."""

    def matches(self, path: str) -> bool:
        """Return whether the rule is for the object with this ``bucket/key``."""
        name = path.partition("/")[2] if "/" in self.match else path.rpartition("/")[2]
        return fnmatchcase(name, self.match)


class InferenceScript(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The answers of the model; the first rule that matches counts, and samples without one get the default."""

    rules: list[InferenceRule] = []
    """Rules in order."""
    seed: int | str = 0
    """Changes the choices that are made at random."""


class Proposal(NamedTuple):
    """The model's answer for one sample."""

    labels: list[SampleLabel]
    metadata: dict[str, object]
    """Members that mark a hard example; empty without them."""


class InferenceScripts:
    """The scripts of datasets and projects, in memory. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scripts: dict[tuple[str | None, str | None], InferenceScript] = {}

    def put(self, script: InferenceScript, project_id: str | None, dataset_id: str | None) -> None:
        """Set the script of a dataset, of a project, or of everything."""
        with self._lock:
            self._scripts[project_id, dataset_id] = script

    def remove(self, project_id: str | None, dataset_id: str | None) -> None:
        """Remove a script; no effect if there is none."""
        with self._lock:
            self._scripts.pop((project_id, dataset_id), None)

    def clear(self, project_id: str | None = None) -> None:
        """Remove all scripts, or those of a project."""
        with self._lock:
            kept = {key: script for key, script in self._scripts.items() if project_id not in (None, key[0])}
            self._scripts = kept

    def find(self, project_id: str | None, dataset_id: str | None) -> InferenceScript:
        """Return the script of a dataset, else of its project, else of everything, else an empty one."""
        with self._lock:
            for key in ((project_id, dataset_id), (None, dataset_id), (project_id, None), (None, None)):
                if key in self._scripts:
                    return self._scripts[key]
        return InferenceScript()


class ScriptedModel:
    """Answers for samples as a script says, with the labels of a dataset."""

    def __init__(self, script: InferenceScript, dataset_type: DatasetType, labels: Sequence[Label]) -> None:
        self._script, self._type = script, dataset_type
        self._names = sorted({label.name or "" for label in labels})

    def propose(self, sample: SampleRecord, *, marks_hard: bool) -> Proposal | None:
        """Return labels for a sample, and with ``marks_hard`` whether it is a hard example; None for no answer.

        Equal arguments give an equal answer.
        """
        rule = self._rule(sample)
        labels = self._labels(rule, sample)
        if not labels:
            return None
        score = min((label.score for label in labels if label.score is not None), default=1.0)
        return Proposal(labels, _hard_members(rule, score) if marks_hard else {})

    def group(self, sample: SampleRecord, count: int) -> str:
        """Return the group of a sample; without a rule one of ``count`` groups by its id."""
        rule = self._rule(sample)
        return rule.group if rule.group is not None else f"group_{int(self._chance(sample, 'group') * count)}"

    def _rule(self, sample: SampleRecord) -> InferenceRule:
        return next((rule for rule in self._script.rules if rule.matches(sample.path)), InferenceRule())

    def _labels(self, rule: InferenceRule, sample: SampleRecord) -> list[SampleLabel]:
        score = rule.score if rule.score is not None else round(0.5 + self._chance(sample, "score") / 2, 2)
        if rule.labels is not None:
            given = (
                msgspec.structs.replace(label, score=label.score if label.score is not None else score)
                for label in rule.labels
            )
            return [self._complete(label, sample) for label in given]
        name = self._name(rule, sample)
        return [self._complete(SampleLabel(name=name, score=score), sample)] if name else []

    def _name(self, rule: InferenceRule, sample: SampleRecord) -> str:
        folders, _, file = sample.path.rpartition("/")
        if rule.label_from == "folder":
            return folders.rpartition("/")[2]
        if rule.label_from == "name":
            stem = file.rpartition(".")[0] or file
            return stem.replace("_", "-").partition("-")[0]
        return self._names[int(self._chance(sample, "label") * len(self._names))] if self._names else ""

    def _complete(self, label: SampleLabel, sample: SampleRecord) -> SampleLabel:
        """Return a label with the type of the dataset, and for detection with a box in the middle of the picture."""
        property_ = dict(label.property or {})
        if self._type is DatasetType.OBJECT_DETECTION and "@modelarts:feature" not in property_:
            width, height, _ = sample.shape or (4, 4, 3)
            box = [[width // 4, height // 4], [max(width * 3 // 4, 1), max(height * 3 // 4, 1)]]
            property_ |= {"@modelarts:shape": "bndbox", "@modelarts:feature": box}
        label_type = label.type if label.type is not None else LabelType(int(self._type))
        return msgspec.structs.replace(label, type=label_type, property=property_)

    def _chance(self, sample: SampleRecord, use: str) -> float:
        """Return a number from 0 to below 1 that depends on the seed, the sample and the use only."""
        text = f"{self._script.seed}/{use}/{sample.id}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest(), "big") / 2**48


def _hard_members(rule: InferenceRule, score: float) -> dict[str, object]:
    is_hard = rule.hard if rule.hard is not None else score < _HARD_SCORE
    coefficient = rule.hard_coefficient if rule.hard_coefficient is not None else round(1 - score, 2)
    reasons = rule.hard_reasons if rule.hard_reasons is not None else [_LOW_CONFIDENCE]
    return {
        HARD: float(is_hard),
        _COEFFICIENT: coefficient if is_hard else 0.0,
        HARD_REASONS: reasons if is_hard else [],
    }
