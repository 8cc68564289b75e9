"""Which samples a list wants: its query parameters, and search conditions.

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
from modelarts_emulator.contract.lenient_decoding import OnUnknown
from modelarts_emulator.contract.samples import ListSamplesQuery, SearchCondition, SearchLabel, SearchLabels, SearchProp
from modelarts_emulator.contract.wire import Operator, SampleState, SampleStatus, SampleType
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.samples.hard_examples import HARD
from modelarts_emulator.store import SampleRecord, Selection

Test = Callable[[SampleRecord], bool]

DAY_MS = 24 * 60 * 60 * 1000
STATUSES = {
    SampleState.ALL: frozenset({SampleStatus.MANUAL_ANNOTATION}),
    SampleState.NONE: frozenset({SampleStatus.UN_ANNOTATION}),
    SampleState.AUTO_ANNOTATION: frozenset({SampleStatus.AUTO_ANNOTATION}),
}


def statuses_of(state: SampleState | None) -> frozenset[SampleStatus] | None:
    """The statuses behind a state; none at all for the team states, since there are no team tasks."""
    return None if state is None else STATUSES.get(state, frozenset())


def as_selection(query: ListSamplesQuery, now: int, told: OnUnknown | None = None) -> Selection:
    """The selection that a list's query asks for. ``now`` is in ms; ``told`` hears of members that nobody knows.

    Raises PARAMETER_INVALID.
    """
    tests: list[Test] = []
    if query.sample_type is not SampleType.FREE_FORMAT:
        tests.append(lambda sample: sample.type == query.sample_type)
    wanted = query.label_type
    if wanted is not None and not query.label_name:
        tests.append(
            lambda sample: any(label.type is not None and int(label.type) == int(wanted) for label in sample.labels)
        )
    low, high = _number("low_score", query.low_score), _number("high_score", query.high_score)
    if (low, high) != (0, 1):
        tests.append(lambda sample: _has_score(sample, low, high))
    conditions = read_conditions(query.search_conditions, told)
    tests += [matcher(condition, now) for condition in conditions]
    return Selection(
        statuses=statuses_of(query.sample_state),
        label=(query.label_name, query.label_type) if query.label_name else None,
        predicate=all_of(tests),
    )


def read_conditions(text: str | None, told: OnUnknown | None = None) -> list[SearchCondition]:
    """Search conditions as a query parameter has them: JSON, one or a list, maybe still URL-encoded."""
    if not text:
        return []
    raw = unquote(text) if text.lstrip().startswith("%") else text
    try:
        found: Any = lenient_decoding.decode(raw, list[SearchCondition] | SearchCondition, told)  # type: ignore[arg-type]
    except (msgspec.DecodeError, RecursionError) as error:
        raise ApiError(PARAMETER_INVALID, f"search_conditions: {error}") from None
    return found if isinstance(found, list) else [found]


def all_of(tests: Sequence[Test]) -> Test | None:
    """Every test must pass; None where there is none."""
    if not tests:
        return None
    return tests[0] if len(tests) == 1 else lambda sample: all(test(sample) for test in tests)


def any_of(tests: Sequence[Test]) -> Test | None:
    """One test must pass, as in an export; None where there is none."""
    return (lambda sample: any(test(sample) for test in tests)) if tests else None


def matcher(condition: SearchCondition, now: int) -> Test:
    """The test behind a search condition: all of its members must hold. Raises PARAMETER_INVALID."""
    tests = [make(getattr(condition, member), now) for member, make in _MEMBERS.items() if getattr(condition, member)]
    tests += [_has_metadata(key, str(value)) for key in _METADATA if (value := getattr(condition, key)) is not None]
    return all_of(tests) or (lambda sample: True)


def _labels(wanted: SearchLabels, now: int) -> Test:
    tests = [_label(label) for label in wanted.labels or ()]
    test = all_of(tests) if wanted.op is Operator.AND else any_of(tests)
    return test or (lambda sample: True)


def _label(wanted: SearchLabel) -> Test:
    def holds(label: Any) -> bool:
        return (
            (wanted.name is None or label.name == wanted.name)
            and (wanted.type is None or label.type == wanted.type)
            and _has_properties(label.property or {}, wanted.property or {}, wanted.op)
        )

    return lambda sample: any(holds(label) for label in sample.labels)


def _has_properties(own: dict[str, Any], wanted: dict[str, list[str] | None], operator: Operator | None) -> bool:
    if not wanted:
        return True
    results = [key in own and (values is None or str(own[key]) in values) for key, values in wanted.items()]
    return any(results) if operator is Operator.OR else all(results)


def _metadata(wanted: SearchProp, now: int) -> Test:
    def test(sample: SampleRecord) -> bool:
        results = [_is_among(sample.metadata.get(key), values) for key, values in (wanted.props or {}).items()]
        return any(results) if wanted.op is Operator.OR else all(results)

    return test


def _is_among(value: Any, wanted: list[str]) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(_same(item, text) for item in values for text in wanted)


def _same(value: Any, text: str) -> bool:
    if isinstance(value, (int, float)):
        try:
            return float(text) == value
        except ValueError:
            return False
    return bool(value == text)


def _sample_name(wanted: str, now: int) -> Test:
    return lambda sample: wanted in sample.path.rpartition("/")[2]


def _sample_dir(wanted: str, now: int) -> Test:
    directory = ObsPath.parse(wanted).as_directory().object_name
    return lambda sample: sample.path[: sample.path.rfind("/") + 1] == directory


def _sample_time(wanted: str, now: int) -> Test:
    low, high = _time_range(wanted, now)
    return lambda sample: low <= sample.time < high


def _time_range(wanted: str, now: int) -> tuple[int, int]:
    """From (inclusive) and to (exclusive) in ms; days are those of UTC."""
    if wanted in ("month", "day"):
        return now - (30 if wanted == "month" else 1) * DAY_MS, now + DAY_MS
    try:
        first, last = (datetime.strptime(part, "%Y%m%d").replace(tzinfo=timezone.utc) for part in wanted.split("-"))
        return int(first.timestamp() * 1000), int((last + timedelta(days=1)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ApiError(PARAMETER_INVALID, f"sample_time: {wanted!r} is not month, day or yyyyMMdd-yyyyMMdd") from None


def _hard(wanted: str, now: int) -> Test:
    if wanted.lower() not in ("0", "1", "true", "false"):
        raise ApiError(PARAMETER_INVALID, f"hard: {wanted!r} is not 0 or 1")
    hard = wanted.lower() in ("1", "true")
    return lambda sample: bool(sample.metadata.get(HARD)) == hard


def _coefficient(wanted: str, now: int) -> Test:
    low, high = _range("coefficient", wanted)
    return lambda sample: low <= float(sample.metadata.get("@modelarts:hard_coefficient", -1)) <= high


def _score(wanted: str, now: int) -> Test:
    low, high = _range("score", wanted)
    return lambda sample: _has_score(sample, low, high)


def _has_score(sample: SampleRecord, low: float, high: float) -> bool:
    return any(label.score is not None and low <= label.score <= high for label in sample.labels)


def _labeler(wanted: str, now: int) -> Test:
    return lambda sample: sample.annotated_by == wanted


def _parent(wanted: str, now: int) -> Test:
    return lambda sample: sample.parent == wanted


def _import_origin(wanted: str, now: int) -> Test:
    return lambda sample: str(sample.metadata.get("@modelarts:import_origin", 0)) == wanted


def _has_metadata(key: str, wanted: str) -> Test:
    return lambda sample: _is_among(sample.metadata.get(f"@modelarts:{key}"), [wanted])


def ratio_range(text: str | None) -> tuple[Decimal, Decimal]:
    """``0.0,1.0`` as its two ends. Raises PARAMETER_INVALID."""
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
# Members that are kept as metadata of the sample under their own name.
_METADATA = ("frame_in_video", "time_in_video", "kvp", "slice_thickness", "study_date")
