"""Select samples by the query parameters of a list, and by search conditions.

Reference: ``api-ref/source/data_management/sample_management/querying_the_sample_list.rst`` and, for the members of a
search condition, ``…/data_export_task/creating_a_dataset_export_task.rst``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import unquote

import msgspec

from modelarts_emulator.contract import lenient_decoding
from modelarts_emulator.contract.errors import PARAMETER_INVALID, ApiError
from modelarts_emulator.contract.samples import ListSamplesQuery, SearchCondition, SearchLabel, SearchLabels, SearchProp
from modelarts_emulator.contract.wire import Operator, SampleState, SampleStatus, SampleType
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.samples.changes import labeler_of
from modelarts_emulator.samples.hard_examples import HARD
from modelarts_emulator.store import DatasetReader, SampleReader, SampleRecord, Selection

Test = Callable[[SampleRecord], bool]
"""Returns whether a sample matches."""

NO_LABEL = "__none__"
"""The ``label_name`` of samples without a label, as URLs of the service's console have it."""
DAY_MS = 24 * 60 * 60 * 1000
STATUSES = {
    SampleState.ALL: frozenset({SampleStatus.MANUAL_ANNOTATION}),
    SampleState.NONE: frozenset({SampleStatus.UN_ANNOTATION}),
    SampleState.AUTO_ANNOTATION: frozenset({SampleStatus.AUTO_ANNOTATION}),
}


def statuses_of(state: SampleState | None) -> frozenset[SampleStatus] | None:
    """Return the statuses behind a ``sample_state``; None for the states of team tasks, see ``team_group_of``."""
    return None if not state else STATUSES.get(state)


def team_group_of(state: SampleState | None) -> str | None:
    """Return the group of a team task that a ``sample_state`` selects; None for a state of the dataset."""
    return None if not state or state in STATUSES else state.value.strip("_")


def in_team_group(dataset: SampleReader, group: str) -> Test:
    """Return a test for samples that are in a group in any team task of the dataset; none of a version is."""
    if not isinstance(dataset, DatasetReader):
        return lambda sample: False
    found = {
        assignment.sample_id
        for task in dataset.record.team_tasks
        for assignment in dataset.page_of_assignments(task.id, group)
    }
    return lambda sample: sample.id in found


def narrowed(selection: Selection, test: Test) -> Selection:
    """Return a selection of those samples that also pass a test."""
    tests = [test] if selection.predicate is None else [selection.predicate, test]
    return msgspec.structs.replace(selection, predicate=all_of(tests))


def as_selection(query: ListSamplesQuery, now: int, warnings: list[str] | None = None) -> Selection:
    """Return the selection that the query of a list describes.

    ``now`` is in ms since the epoch; unknown members of search conditions are added to ``warnings``.
    Raises PARAMETER_INVALID.
    """
    tests: list[Test] = []
    if query.sample_type is not SampleType.FREE_FORMAT:
        tests.append(lambda sample: sample.type == query.sample_type)
    label_type = query.label_type
    is_unlabelled = (query.label_name or "").lower() == NO_LABEL
    if is_unlabelled:
        tests.append(
            lambda sample: not any(label_type is None or label.type == int(label_type) for label in sample.labels)
        )
    elif label_type is not None and not query.label_name:
        tests.append(
            lambda sample: any(label.type is not None and int(label.type) == int(label_type) for label in sample.labels)
        )
    if query.email:
        tests.append(labelled_by(labeler_of(query.email)))
    if (query.low_score, query.high_score) != ("0", "1"):  # the defaults
        low, high = _number("low_score", query.low_score), _number("high_score", query.high_score)
        if (low, high) != (0, 1):
            tests.append(lambda sample: _has_score(sample, low, high))
    conditions = read_conditions(query.search_conditions, warnings) if query.search_conditions else ()
    tests += [matcher(condition, now) for condition in conditions]
    return Selection(
        statuses=statuses_of(query.sample_state),
        label=(query.label_name, query.label_type) if query.label_name and not is_unlabelled else None,
        predicate=all_of(tests),
    )


def labelled_by(labeler: str) -> Test:
    """Return a test for samples whose labels, or one of them, come from this labeler."""
    return lambda sample: (
        sample.annotated_by == labeler or any(label.annotated_by == labeler for label in sample.labels)
    )


def read_conditions(text: str | None, warnings: list[str] | None = None) -> list[SearchCondition]:
    """Parse the query parameter ``search_conditions``: JSON, one object or a list, possibly URL-encoded once more.

    Unknown members are added to ``warnings``. Raises PARAMETER_INVALID.
    """

    def warn(member: str) -> None:
        if warnings is not None:
            warnings.append(f"search_conditions.{member} is not known")

    if not text:
        return []
    raw = unquote(text) if text.lstrip().startswith("%") else text
    try:
        found: Any = lenient_decoding.decode(raw, list[SearchCondition] | SearchCondition, warn)  # type: ignore[arg-type]
    except (msgspec.DecodeError, RecursionError) as error:
        raise ApiError(PARAMETER_INVALID, f"search_conditions: {error}") from None
    return found if isinstance(found, list) else [found]


def all_of(tests: Sequence[Test]) -> Test | None:
    """Return a test that passes if every one of ``tests`` passes; None without tests."""
    if not tests:
        return None
    return tests[0] if len(tests) == 1 else lambda sample: all(test(sample) for test in tests)


def any_of(tests: Sequence[Test]) -> Test | None:
    """Return a test that passes if one of ``tests`` passes, as in an export; None without tests."""
    return (lambda sample: any(test(sample) for test in tests)) if tests else None


def matcher(condition: SearchCondition, now: int) -> Test:
    """Return the test of a search condition: all of its members must match. Raises PARAMETER_INVALID."""
    tests = [make(getattr(condition, member), now) for member, make in _MEMBERS.items() if getattr(condition, member)]
    tests += [_has_metadata(key, str(value)) for key in _METADATA if (value := getattr(condition, key)) is not None]
    return all_of(tests) or (lambda sample: True)


def _labels(condition: SearchLabels, now: int) -> Test:
    tests = [_label(label) for label in condition.labels or ()]
    test = all_of(tests) if condition.op is Operator.AND else any_of(tests)
    return test or (lambda sample: True)


def _label(condition: SearchLabel) -> Test:
    def holds(label: Any) -> bool:
        return (
            (condition.name is None or label.name == condition.name)
            and (condition.type is None or label.type == condition.type)
            and _has_properties(label.property or {}, condition.property or {}, condition.op)
        )

    return lambda sample: any(holds(label) for label in sample.labels)


def _has_properties(
    own: dict[str, Any], values_by_name: dict[str, list[str] | None], operator: Operator | None
) -> bool:
    if not values_by_name:
        return True
    results = [key in own and (values is None or str(own[key]) in values) for key, values in values_by_name.items()]
    return any(results) if operator is Operator.OR else all(results)


def _metadata(condition: SearchProp, now: int) -> Test:
    def test(sample: SampleRecord) -> bool:
        results = [_is_among(sample.metadata.get(key), values) for key, values in (condition.props or {}).items()]
        return any(results) if condition.op is Operator.OR else all(results)

    return test


def _is_among(value: Any, texts: list[str]) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(_same(item, text) for item in values for text in texts)


def _same(value: Any, text: str) -> bool:
    if isinstance(value, (int, float)):
        try:
            return float(text) == value
        except ValueError:
            return False
    return bool(value == text)


def _sample_name(value: str, now: int) -> Test:
    return lambda sample: value in sample.path.rpartition("/")[2]


def _sample_dir(value: str, now: int) -> Test:
    directory = ObsPath.parse(value).as_directory().object_name
    return lambda sample: sample.path[: sample.path.rfind("/") + 1] == directory


def _sample_time(value: str, now: int) -> Test:
    low, high = _time_range(value, now)
    return lambda sample: low <= sample.time < high


def _time_range(value: str, now: int) -> tuple[int, int]:
    """Return start (inclusive) and end (exclusive) in ms since the epoch; days are those of UTC."""
    if value in ("month", "day"):
        return now - (30 if value == "month" else 1) * DAY_MS, now + DAY_MS
    try:
        first, last = (datetime.strptime(part, "%Y%m%d").replace(tzinfo=timezone.utc) for part in value.split("-"))
        return int(first.timestamp() * 1000), int((last + timedelta(days=1)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ApiError(PARAMETER_INVALID, f"sample_time: {value!r} is not month, day or yyyyMMdd-yyyyMMdd") from None


def _hard(value: str, now: int) -> Test:
    if value.lower() not in ("0", "1", "true", "false"):
        raise ApiError(PARAMETER_INVALID, f"hard: {value!r} is not 0 or 1")
    hard = value.lower() in ("1", "true")
    return lambda sample: bool(sample.metadata.get(HARD)) == hard


def _coefficient(value: str, now: int) -> Test:
    low, high = _range("coefficient", value)
    return lambda sample: low <= float(sample.metadata.get("@modelarts:hard_coefficient", -1)) <= high


def _score(value: str, now: int) -> Test:
    low, high = _range("score", value)
    return lambda sample: _has_score(sample, low, high)


def _has_score(sample: SampleRecord, low: float, high: float) -> bool:
    return any(label.score is not None and low <= label.score <= high for label in sample.labels)


def _labeler(value: str, now: int) -> Test:
    return lambda sample: sample.annotated_by == value


def _parent(value: str, now: int) -> Test:
    return lambda sample: sample.parent == value


def _import_origin(value: str, now: int) -> Test:
    return lambda sample: str(sample.metadata.get("@modelarts:import_origin", 0)) == value


def _has_metadata(key: str, value: str) -> Test:
    return lambda sample: _is_among(sample.metadata.get(f"@modelarts:{key}"), [value])


def ratio_range(text: str | None) -> tuple[Decimal, Decimal]:
    """Return the two ends of a range such as ``0.0,1.0``. Raises PARAMETER_INVALID."""
    if not text:
        return Decimal(0), Decimal(1)
    try:
        low, high = (Decimal(part.strip()) for part in text.split(","))
    except (ValueError, InvalidOperation):
        raise ApiError(PARAMETER_INVALID, f"train_evaluate_ratio: {text!r} is not like 0.0,1.0") from None
    if not (low.is_finite() and high.is_finite()):
        raise ApiError(PARAMETER_INVALID, f"train_evaluate_ratio: {text!r} is not like 0.0,1.0")
    return low, high


def _range(member: str, text: str) -> tuple[float, float]:
    low, separator, high = text.partition("-")
    if not separator:
        raise ApiError(PARAMETER_INVALID, f"{member}: {text!r} is not like 0.1-0.9")
    return _number(member, low), _number(member, high)


def _number(member: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not abs(number) < float("inf"):
        raise ApiError(PARAMETER_INVALID, f"{member}: {text!r} is not a number")
    return number


_MEMBERS: dict[str, Callable[[Any, int], Test]] = {
    "label_list": _labels,
    "metadata": _metadata,
    "sample_name": _sample_name,
    "sample_dir": _sample_dir,
    "sample_time": _sample_time,
    "hard": _hard,
    "coefficient": _coefficient,
    "score": _score,
    "labeler": _labeler,
    "parent_sample_id": _parent,
    "import_origin": _import_origin,
}
# Members that are stored as metadata of the sample, under their own name.
_METADATA = ("frame_in_video", "time_in_video", "kvp", "slice_thickness", "study_date")
