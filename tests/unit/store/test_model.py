"""Random changes, restarts, kills, checkpoints and evictions: the store and plain dictionaries always agree."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from modelarts_emulator.contract.labels import Label
from modelarts_emulator.contract.wire import LabelType, SampleStatus
from modelarts_emulator.store import DoesNotExist, SampleRecord, Selection, TaskRecord
from modelarts_emulator.store.indexed_fields import encode_sample
from tests.helpers.stores import ID, abandon, dataset, opened, sample

OTHER = "e" * 19
NUMBERS = st.integers(0, 12)
NAMES = st.lists(st.sampled_from("abc"), max_size=2, unique=True)
VERSIONS = st.sampled_from(["v1", "v2"])


def made(number: int, names: list[str], time: int, folder: str, deleted: bool) -> SampleRecord:
    return sample(number, *names, time=time, path=f"b/{folder}/{number}.png", deleted=deleted)


class AgainstAModel(RuleBasedStateMachine):
    """Of everything the store keeps there is a dictionary; ``order`` tells ties of time, which go by arrival."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(os.environ["STORE_MODEL_FOLDER"]) / os.urandom(8).hex()
        self.store = self.open()
        for dataset_id in (ID, OTHER):
            self.store.create(dataset(dataset_id[:2], dataset_id))
        with self.store.writing(OTHER) as writer:
            writer.put_sample(sample(1))
        self.samples: dict[str, SampleRecord] = {}
        self.labels: list[str] = []
        self.tasks: dict[str, str] = {}
        self.versions: dict[str, dict[str, SampleRecord]] = {}

    def open(self) -> Any:
        return opened(self.folder, max_loaded_samples=3)

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(numbers=st.sets(NUMBERS, max_size=6), names=NAMES, time=st.integers(1, 3), folder=st.sampled_from("xy"))
    def put(self, numbers: set[int], names: list[str], time: int, folder: str) -> None:
        fresh = {each.id: each for each in (made(number, names, time, folder, False) for number in sorted(numbers))}
        with self.store.writing(ID) as writer:
            writer.put_samples(fresh.values())
            assert all(writer.get(identity) == each for identity, each in fresh.items())
        self.samples |= fresh

    @rule(number=NUMBERS)
    def bury(self, number: int) -> None:
        tombstone = made(number, [], 1, "x", True)
        with self.store.writing(ID) as writer:
            writer.put_sample(tombstone)
        self.samples[tombstone.id] = tombstone

    @rule(number=NUMBERS, again=st.booleans())
    def remove(self, number: int, again: bool) -> None:
        with self.store.writing(ID) as writer:
            writer.remove_sample(sample(number).id)
            if again:
                writer.put_sample(made(number, ["a"], 2, "y", False))
        known = self.samples.pop(sample(number).id, None)
        if again:
            fresh = made(number, ["a"], 2, "y", False)
            self.samples = {**self.samples, fresh.id: fresh} if known is None else self.samples | {fresh.id: fresh}

    @rule(number=NUMBERS)
    def fail(self, number: int) -> None:
        with pytest.raises(ZeroDivisionError), self.store.writing(ID) as writer:
            writer.put_sample(sample(number, "never"))
            writer.replace_labels([])
            raise ZeroDivisionError

    @rule(name=st.sampled_from("abcd"), there=st.booleans())
    def label(self, name: str, there: bool) -> None:
        with self.store.writing(ID) as writer:
            if there:
                writer.put_label(Label(name=name, type=LabelType.IMAGE_CLASSIFICATION))
            else:
                writer.remove_label(name, LabelType.IMAGE_CLASSIFICATION)
        if there and name not in self.labels:
            self.labels.append(name)
        if not there and name in self.labels:
            self.labels.remove(name)

    @rule(names=st.lists(st.sampled_from("abcd"), unique=True), more=st.sampled_from(["", "e"]))
    def relabel(self, names: list[str], more: str) -> None:
        self.labels = [*names, *more]
        with self.store.writing(ID) as writer:
            writer.replace_labels(Label(name=name, type=LabelType.IMAGE_CLASSIFICATION) for name in names)
            if more:
                writer.put_label(Label(name=more, type=LabelType.IMAGE_CLASSIFICATION))
            assert [label.name for label in writer.labels] == self.labels

    @rule(number=st.integers(0, 3), status=st.sampled_from(["RUNNING", "COMPLETED", ""]))
    def task(self, number: int, status: str) -> None:
        identity = f"t{number}"
        with self.store.writing(ID) as writer:
            if status:
                writer.put_task(TaskRecord(id=identity, kind="sync", status=status, create_time=1, update_time=1))
            else:
                writer.remove_task(identity)
        self.tasks.pop(identity, None) if not status else self.tasks.update({identity: status})

    @rule(version=VERSIONS)
    def freeze(self, version: str) -> None:
        frozen = {identity: each for identity, each in self.samples.items() if not each.deleted}
        with self.store.reading(ID) as reader:
            self.store.save_version(ID, version, map(encode_sample, reader.select(Selection())))
        assert len(self.store.version_documents(ID, version)) == len(frozen)
        self.versions[version] = frozen

    @rule(version=VERSIONS)
    def drop(self, version: str) -> None:
        self.store.delete_version(ID, version)
        self.versions.pop(version, None)

    @rule()
    def checkpoint(self) -> None:
        self.store.checkpoint(ID)

    @rule()
    def evict(self) -> None:
        with self.store.reading(OTHER) as reader:
            assert len(reader) == 1
        assert self.store.wait_idle(20)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = self.open()

    @rule(torn=st.binary(max_size=3), half=st.booleans())
    def kill(self, torn: bytes, half: bool) -> None:
        """What was under way when it came is torn, or was never written."""
        abandon(self.store)
        journals = sorted(
            (self.folder / "datasets" / ID).glob("journal-*.jsonl"), key=lambda p: int(p.stem.split("-")[1])
        )
        if half and journals:
            with journals[-1].open("ab") as file:
                file.write(b'{"t":"samples","k":1,"v":{"id":"' + torn)
        self.store = self.open()

    @precondition(lambda self: self.samples)
    @rule()
    def damage(self) -> None:
        """The checkpoint is lost; the one before it and the journals are not."""
        self.store.close()
        (self.folder / "datasets" / ID / "dataset.json").write_bytes(b"{")
        self.store = self.open()

    @invariant()
    def samples_agree(self) -> None:
        live = [each for each in self.samples.values() if not each.deleted]
        counts = self.store.entry(ID).counts
        labelled = [each for each in live if each.labels]
        assert (counts.total, counts.annotated, counts.deleted) == (
            len(live),
            len(labelled),
            len(self.samples) - len(live),
        )
        names = [str(label.name) for each in live for label in each.labels]
        with self.store.reading(ID) as reader:
            assert {name: count for (name, _), (count, _) in reader.label_stats().items()} == Counter(names)
            assert sorted(reader.ids()) == sorted(self.samples)
            for each in self.samples.values():
                assert reader.get(each.id, deleted=True) == each
                assert (reader.document(each.id) is None) == each.deleted
            for selection, wanted in self.selections(live):
                self.page_agrees(reader, selection, wanted)

    def selections(self, live: list[SampleRecord]) -> list[tuple[Selection, list[SampleRecord]]]:
        annotated = frozenset({SampleStatus.MANUAL_ANNOTATION})
        with_a = [each for each in live if any(label.name == "a" for label in each.labels)]
        in_x = [each for each in live if each.path.startswith("b/x/")]
        return [
            (Selection(), live),
            (Selection(label=("a", None)), with_a),
            (Selection(directory="b/x/"), in_x),
            (Selection(statuses=annotated, label=("a", 0)), with_a),
            (Selection(statuses=annotated, directory="b/x/"), [each for each in in_x if each.labels]),
            (Selection(statuses=frozenset(SampleStatus)), live),
            (Selection(predicate=lambda s: s.time == 1), [each for each in live if each.time == 1]),
        ]

    def page_agrees(self, reader: Any, selection: Selection, wanted: list[SampleRecord]) -> None:
        for descending in (False, True):
            total, page = reader.page(selection, offset=1, limit=3, descending=descending)
            assert total == len(wanted)
            times = sorted((each.time for each in wanted), reverse=descending)
            assert [each.time for each in page] == times[1:4]
            whole = list(reader.select(selection, descending=descending))
            assert whole[1:4] == page
            assert {each.id: each for each in whole} == {each.id: each for each in wanted}

    @invariant()
    def the_rest_agrees(self) -> None:
        with self.store.reading(ID) as reader:
            assert [label.name for label in reader.labels] == self.labels
            assert {task.id: task.status for task in reader.tasks} == self.tasks
        for version in ("v1", "v2"):
            try:
                with self.store.version(ID, version) as frozen:
                    found = {each.id: each for each in frozen.select(Selection())}
            except DoesNotExist:
                found = None
            assert found == self.versions.get(version)


@pytest.mark.slow
def test_store_random_operations_match_dictionaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_MODEL_FOLDER", str(tmp_path))
    examples = int(os.environ.get("MODEL_EXAMPLES", "40"))  # more for a longer look
    profile = settings(max_examples=examples, stateful_step_count=25, deadline=None, database=None)
    run_state_machine_as_test(AgainstAModel, settings=profile)
