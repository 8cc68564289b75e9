"""The pipeline: batches are resolved without the dataset's lock, then merged and committed as one transaction."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest

from modelarts_emulator.contract.errors import SAMPLE_EXISTS, ApiError
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import DatasetType, LabelType, SampleStatus, SampleType
from modelarts_emulator.ingest import pipeline
from modelarts_emulator.ingest.merge import Candidate, IncomingLabels, merge_upload
from modelarts_emulator.ingest.pipeline import Outcome, commit, in_batches, run_pipeline
from modelarts_emulator.store import DatasetRecord, SampleRecord, Store
from tests.helpers.clocks import SetClock


@pytest.fixture
def store() -> Iterator[Store]:
    """Return a store in memory with the dataset ``d``."""
    made = Store(None, clock=SetClock())
    made.create(
        DatasetRecord(
            id="d",
            project_id="p",
            name="d",
            type=DatasetType.IMAGE_CLASSIFICATION,
            create_time=1,
            update_time=1,
            data_update_time=1,
            work_path="/b/w/",
            inner_work_path="/b/w/d/",
        )
    )
    yield made
    made.close()


def candidate(number: int, *labels: str, is_created: bool = True) -> Candidate:
    sample = SampleRecord(id=f"{number:032x}", path=f"b/in/{number}.png", type=SampleType.IMAGE, time=number)
    items = [SampleLabel(name=name, type=LabelType.IMAGE_CLASSIFICATION) for name in labels]
    return Candidate(sample.id, sample, IncomingLabels(items, "human/a/b", 9), is_created, name=f"/b/in/{number}.png")


def stored(store: Store) -> dict[int, list[str | None]]:
    """Return the label names of each sample, by its number."""
    with store.reading("d") as dataset:
        samples = [dataset.get(each) for each in dataset.ids()]
    return {int(each.id, 16): [label.name for label in each.labels] for each in samples if each is not None}


def test_commit_of_candidates_stores_samples_and_new_labels(store: Store) -> None:
    outcomes = commit(store, "d", [candidate(1, "cat"), candidate(2)], merge_upload)
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert [outcome.stored for outcome in outcomes] == [None, None]
    assert stored(store) == {1: ["cat"], 2: []}
    with store.reading("d") as dataset:
        assert [label.name for label in dataset.labels] == ["cat"]
        assert dataset.counts.annotated == 1


def test_commit_with_a_refused_candidate_stores_the_others(store: Store) -> None:
    outcomes = commit(store, "d", [candidate(1, "cat", is_created=False), candidate(2, "dog")], merge_upload)
    assert [outcome.error is not None and outcome.error.error for outcome in outcomes] == [SAMPLE_EXISTS, False]
    assert stored(store) == {2: ["dog"]}
    with store.reading("d") as dataset:
        assert [label.name for label in dataset.labels] == ["dog"]


def test_commit_of_nothing_opens_no_transaction(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "writing", lambda dataset_id: pytest.fail("a transaction was opened"))
    assert commit(store, "d", [], merge_upload) == []


def test_commit_where_the_policy_returns_none_changes_nothing(store: Store) -> None:
    (outcome,) = commit(store, "d", [candidate(1, "cat")], lambda known, found: None)
    assert (outcome.merged, outcome.error) == (None, None)
    assert stored(store) == {}


def test_commit_that_raises_stores_nothing(store: Store) -> None:
    def merge(known: SampleRecord | None, found: Candidate) -> SampleRecord | None:
        if found.id == candidate(2).id:
            raise RuntimeError("a bug")
        return found.sample

    with pytest.raises(RuntimeError):
        commit(store, "d", [candidate(1), candidate(2)], merge)
    assert stored(store) == {}


def test_run_pipeline_commits_each_batch_before_the_next_is_resolved(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "BATCH", 2)
    seen: list[dict[int, list[str | None]]] = []
    batches: list[list[Outcome]] = []

    def resolve(numbers: Sequence[int]) -> list[Candidate]:
        seen.append(stored(store))
        return [candidate(number) for number in numbers]

    run_pipeline(store, "d", range(5), resolve, merge_upload, batches.append)
    assert [len(each) for each in seen] == [0, 2, 4]
    assert [len(each) for each in batches] == [2, 2, 1]
    assert set(stored(store)) == set(range(5))


def test_run_pipeline_resolves_without_the_lock(store: Store) -> None:
    def resolve(numbers: Sequence[int]) -> list[Candidate]:
        def write() -> None:
            with store.writing("d") as dataset:
                dataset.put_sample(candidate(99).sample)  # type: ignore[arg-type]

        other = threading.Thread(target=write, daemon=True)
        other.start()
        other.join(10)
        assert not other.is_alive()
        return [candidate(number) for number in numbers]

    run_pipeline(store, "d", [1], resolve, merge_upload, lambda outcomes: None)
    assert set(stored(store)) == {1, 99}


def test_run_pipeline_that_fails_keeps_the_batches_before(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "BATCH", 1)

    def resolve(numbers: Sequence[int]) -> list[Candidate]:
        if numbers[0] == 2:
            raise ApiError(SAMPLE_EXISTS, "x")
        return [candidate(number) for number in numbers]

    with pytest.raises(ApiError):
        run_pipeline(store, "d", range(5), resolve, merge_upload, lambda outcomes: None)
    assert set(stored(store)) == {0, 1}


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (3, [3]), (4, [3, 1]), (7, [3, 3, 1])])
def test_in_batches_splits_items_in_order(count: int, sizes: list[int]) -> None:
    batches = list(in_batches(range(count), 3))
    assert [len(batch) for batch in batches] == sizes
    assert [item for batch in batches for item in batch] == list(range(count))


def test_labelling_status_defaults_to_manual() -> None:
    assert IncomingLabels([], "a", 1).status is SampleStatus.MANUAL_ANNOTATION
