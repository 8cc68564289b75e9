"""A runtime in memory, without HTTP, with one dataset in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.contract.wire import DatasetStatus, DatasetType
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store import DatasetRecord
from modelarts_emulator.util.ids import Ids
from tests.helpers.clocks import SetClock

PROJECT = "project"


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def runtime(clock: SetClock) -> Iterator[Runtime]:
    """Return a started runtime in memory, with the bucket ``bucket``."""
    made = Runtime(Settings(port=0, data_dir=None), clock=clock, ids=Ids(seed=1))
    made.start()
    made.tree.create_bucket("bucket")
    yield made
    made.stop()


@pytest.fixture
def create(runtime: Runtime) -> Callable[..., RequestContext]:
    """Return a function that creates a dataset and returns the context of requests for it."""

    def make(dataset_type: DatasetType = DatasetType.IMAGE_CLASSIFICATION, **members: Any) -> RequestContext:
        identity = runtime.ids.entity()
        now = runtime.clock.now_ms()
        record = DatasetRecord(
            id=identity,
            project_id=PROJECT,
            name=f"dataset-{identity}",
            type=dataset_type,
            create_time=now,
            update_time=now,
            data_update_time=now,
            status=DatasetStatus.NORMAL,
            work_path="/bucket/out/",
            inner_work_path=f"/bucket/out/{identity}/",
            **members,
        )
        runtime.store.create(record)
        return RequestContext(project_id=PROJECT, dataset_id=identity)

    return make


@pytest.fixture
def context(create: Callable[..., RequestContext]) -> RequestContext:
    """Return the context of requests for a dataset of pictures."""
    return create()
