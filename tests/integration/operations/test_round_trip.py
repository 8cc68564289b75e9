"""For every dataset type: a published manifest, imported into another dataset, gives the same labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.api import Api
from tests.helpers.bucket_files import write
from tests.helpers.dataset_kinds import LABELS, described, labelled_dataset
from tests.helpers.imports import imported
from tests.helpers.polling import poll


@pytest.mark.parametrize("kind", [*LABELS])
@pytest.mark.parametrize("where", ["/bucket/in/", "/bucket/new/"])
def test_import_of_a_published_manifest_restores_the_dataset(api: Api, bucket: Path, kind: int, where: str) -> None:
    dataset_id = labelled_dataset(api, bucket, kind)
    version = api.publish(dataset_id, clear_hard_property=False)
    assert version["status"] == 1, version
    (bucket / "new").mkdir()
    other = api.dataset(dataset_name="other", dataset_type=kind, data_sources=[{"data_path": where}])
    task = imported(api, other, f"obs:/{version['manifest_path']}", import_type="manifest")
    assert task["status"] == "COMPLETED", task
    assert "error_msg" not in task
    assert described(api, other) == described(api, dataset_id)
    assert task["imported_sample_count"] == 4
    before, after = (api.call("GET", f"/{each}") for each in (dataset_id, other))
    for count in ("total_sample_count", "annotated_sample_count", "unconfirmed_sample_count"):
        assert before[count] == after[count]
    stats = [api.call("GET", f"/{each}/data-annotations/stats")["label_stats"] for each in (dataset_id, other)]
    by_name = [sorted((s["name"], s["type"], s["count"], s["sample_count"]) for s in each) for each in stats]
    assert by_name[0] == by_name[1]
    # What has been brought stays as it is when the files are looked at again.
    api.call("POST", f"/{other}/sync-data", json={})
    poll(lambda: api.call("GET", f"/{other}/sync-data/status")["status"] == "COMPLETED", "synchronized")
    assert described(api, other) == described(api, dataset_id)


@pytest.mark.parametrize("members", [{}, {"with_column_header": True}])
def test_import_of_a_published_table_restores_its_rows(api: Api, bucket: Path, members: Any) -> None:
    write(bucket, "in/a.csv", 'name,value,note\nx,-1.5,"a ""quoted"", cell"\ny,=1+1,"two\nlines"\nshort,row\n')
    dataset_id = api.dataset(dataset_type=400)
    cells = [sample["sample_data"] for sample in api.samples(dataset_id, "?order=asc")["samples"]]
    assert cells == [["x", "-1.5", 'a "quoted", cell'], ["y", "=1+1", "two\nlines"]]
    details = api.call("GET", f"/{dataset_id}")
    assert [field["name"] for field in details["schema"]] == ["name", "value", "note"]
    version = api.publish(dataset_id, version_format="CSV")
    manifest = bucket / version["manifest_path"].removeprefix("/bucket/")
    (line,) = [json.loads(text) for text in manifest.read_text().splitlines()]
    written = (bucket / line["source"].removeprefix("s3://bucket/")).read_text()
    assert written.startswith("name,value,note\n")
    assert "\t=1+1" in written
    (bucket / "new").mkdir()
    other = api.dataset(dataset_name="other", dataset_type=400, data_sources=[{"data_path": "/bucket/new/"}])
    task = imported(api, other, version["manifest_path"], **members)
    assert (task["status"], task["imported_sample_count"]) == ("COMPLETED", 2)
    assert [s["sample_data"] for s in api.samples(other, "?order=asc")["samples"]] == cells
    assert api.call("GET", f"/{other}")["schema"] == details["schema"]
