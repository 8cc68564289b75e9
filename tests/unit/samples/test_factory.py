"""Directories that hold the samples of a dataset."""

from __future__ import annotations

import pytest

from modelarts_emulator.contract.sources import DataSource
from modelarts_emulator.contract.wire import DatasetType
from modelarts_emulator.samples.factory import input_directories
from modelarts_emulator.store import DatasetRecord


@pytest.mark.parametrize(
    ("reads_own_data", "has_source", "wanted"),
    [(False, True, "/bucket/in/"), (True, True, "/bucket/out/a/data/"), (False, False, "/bucket/out/a/data/")],
)
def test_input_of_a_table_is_its_source_only_if_an_earlier_version_made_it(
    reads_own_data: bool, has_source: bool, wanted: str
) -> None:
    record = DatasetRecord(
        id="1",
        project_id="p",
        name="a",
        type=DatasetType.TABLE,
        create_time=0,
        update_time=0,
        data_update_time=0,
        work_path="/bucket/out/",
        inner_work_path="/bucket/out/a/",
        data_sources=[DataSource(data_path="/bucket/in/")] if has_source else [],
        reads_own_data=reads_own_data,
    )
    assert [str(path) for path in input_directories(record)] == [wanted]
