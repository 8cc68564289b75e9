"""Make stores, dataset records and sample records without a server."""

from __future__ import annotations

from pathlib import Path

from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import DatasetType, LabelType, SampleStatus, SampleType
from modelarts_emulator.store import DatasetRecord, Durability, SampleRecord, Selection, Store
from modelarts_emulator.store.journal import OPEN_JOURNALS
from modelarts_emulator.util.clock import SystemClock

ID = "d" * 19


DAY_MS = 24 * 60 * 60 * 1000


def dataset(name: str = "one", dataset_id: str = ID) -> DatasetRecord:
    return DatasetRecord(
        id=dataset_id,
        project_id="p",
        name=name,
        type=DatasetType.IMAGE_CLASSIFICATION,
        create_time=1,
        update_time=1,
        data_update_time=1,
        counted_day=SystemClock().now_ms() // DAY_MS,  # so that the first change is the change alone
        work_path="/b/w/",
        inner_work_path=f"/b/w/{name}/",
    )


def sample(number: int, *labels: str, **members: object) -> SampleRecord:
    made = SampleRecord(
        id=f"{number:032x}",
        path=f"b/in/{number}.png",
        type=SampleType.IMAGE,
        time=1000 + number,
        signature=(number, number),
        labels=[SampleLabel(name=name, type=LabelType.IMAGE_CLASSIFICATION) for name in labels],
        status=SampleStatus.MANUAL_ANNOTATION if labels else SampleStatus.UN_ANNOTATION,
    )
    for name, value in members.items():
        setattr(made, name, value)
    return made


def opened(root: Path | None, **options: object) -> Store:
    return Store(root, clock=SystemClock(), durability=Durability.PROCESS, **options)  # type: ignore[arg-type]


def abandon(store: Store) -> None:
    """What a kill leaves: nothing is written, the lock is gone."""
    store._maintenance.stop()
    for _, dataset in store._datasets.items():
        if dataset._storage and (journal := dataset._storage._journal):
            journal._close_file()
            OPEN_JOURNALS.discard(journal)
    if store._directory:
        store._directory.unlock()


def contents(store: Store, dataset_id: str = ID) -> dict[str, list[str]]:
    with store.reading(dataset_id) as reader:
        return {s.id: [str(label.name) for label in s.labels] for s in reader.select(Selection())}


OTHER = "e" * 19


def put(store: Store, *numbers: int, dataset_id: str = ID) -> None:
    with store.writing(dataset_id) as writer:
        writer.put_samples(sample(number) for number in numbers)


def numbers(store: Store, dataset_id: str = ID) -> set[int]:
    return {int(identity, 16) for identity in contents(store, dataset_id)}
