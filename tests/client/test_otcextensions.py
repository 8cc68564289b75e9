"""The Python SDK from PyPI, unmodified, as a client."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openstack import exceptions
from otcextensions.sdk.modelartsv2.v2.dataset_label import DatasetLabel
from otcextensions.sdk.modelartsv2.v2.dataset_sample import DatasetSample
from otcextensions.sdk.modelartsv2.v2.dataset_version import DatasetVersion

from emulator.server import Emulator
from tests.client.cloud import connect
from tests.support import picture, poll

# The SDK and what it stands on warn about themselves.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]


@pytest.fixture
def modelarts(emu: Emulator) -> Iterator[Any]:
    cloud = connect(emu.url)
    yield cloud.modelartsv2
    cloud.close()


def create(modelarts: Any, name: str = "cats", **members: Any) -> Any:
    dataset = modelarts.create_dataset(
        dataset_name=name,
        dataset_type=0,
        data_sources=[{"data_type": 0, "data_path": "/bucket/in/"}],
        work_path="/bucket/out/",
        work_path_type=0,
        **members,
    )
    return poll(lambda: (d := modelarts.get_dataset(dataset.dataset_id)).status == 1 and d)


def test_datasets_are_created_listed_found_updated_synchronized_and_deleted(modelarts: Any, bucket: Path) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    made = [create(modelarts, f"cats-{number}") for number in range(12)]
    assert {dataset.id for dataset in modelarts.datasets()} == {dataset.id for dataset in made}
    assert len(list(modelarts.datasets(limit=5))) == 5
    found = modelarts.find_dataset("cats-3")
    assert (found.id, found.total_sample_count) == (made[3].id, 1)
    modelarts.update_dataset(found.id, description="updated", dataset_name="renamed")
    details = modelarts.get_dataset(found.id)
    assert (details.description, details.dataset_name) == ("updated", "renamed")
    modelarts.dataset_sync(found.id)
    poll(lambda: modelarts.get_dataset_sync_status(found.id).status == "COMPLETED")
    modelarts.delete_dataset(found.id)
    with pytest.raises(exceptions.BadRequestException, match=r"ModelArts\.4352"):
        modelarts.get_dataset(found.id)


def test_samples_are_uploaded_labelled_and_published_through_the_resource_classes(modelarts: Any, bucket: Path) -> None:
    dataset = create(modelarts)
    upload = DatasetSample.new(
        dataset_id=dataset.id, samples=[{"name": "new.png", "data": b64encode(picture()).decode()}]
    ).create(modelarts)
    assert upload.success is True
    (sample,) = DatasetSample.list(modelarts, dataset_id=dataset.id, paginated=False)
    assert (sample.sample_id, sample.sample_status) == (upload.results[0].info, "UN_ANNOTATION")
    assert sample.metadata.size == [32, 24, 3]
    created = DatasetLabel.new(dataset_id=dataset.id, labels=[{"name": "cat"}]).create(modelarts)
    assert created.success is True
    assert [label.name for label in DatasetLabel.list(modelarts, dataset_id=dataset.id)] == ["cat"]
    body = {"samples": [{"sample_id": sample.sample_id, "labels": [{"name": "cat"}]}]}
    assert modelarts.put(f"/datasets/{dataset.id}/data-annotations/samples", json=body).json()["success"] is True
    version = DatasetVersion.new(dataset_id=dataset.id, version_name="V001").create(modelarts)
    resource = DatasetVersion.new(dataset_id=dataset.id, id=version.version_id)
    done = poll(lambda: (v := resource.fetch(modelarts)).status == 1 and v)
    assert (done.version_name, done.annotated_sample_count) == ("V001", 1)
    assert [v.version_id for v in DatasetVersion.list(modelarts, dataset_id=dataset.id)] == [version.version_id]
    assert modelarts.delete_dataset_samples(dataset.id, [sample.sample_id]).success is True


@pytest.mark.xfail(strict=True, raises=KeyError, reason="the SDK's shortcut builds a wrong URL by itself")
def test_the_shortcut_for_labels_builds_a_wrong_url(modelarts: Any) -> None:
    list(modelarts.dataset_labels(create(modelarts).id))
