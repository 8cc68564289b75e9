"""The whole story with the clients that users have: log in, upload, label, publish, download."""

import json
import warnings

import pytest
import requests

from tests.helpers.cloud import Bucket, unique_name
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the client warns of its own use of Python
    from obs import ObsClient

pytestmark = pytest.mark.filterwarnings(
    "ignore::PendingDeprecationWarning", "ignore::DeprecationWarning", "ignore::ResourceWarning"
)

PICTURES = {f"{number:02d}.png": picture(40 + number, 30, (number * 5, 80, 160)) for number in range(50)}


@pytest.fixture
def obs(url):
    client = ObsClient(access_key_id="AKA", secret_access_key="sk-a", server=url, path_style=True, max_retry_count=0)
    yield client
    client.close()


def ok(answer):
    assert answer.status < 300, (answer.status, getattr(answer, "errorCode", ""), getattr(answer, "errorMessage", ""))
    return answer


def download(obs, bucket, key):
    return ok(obs.getObject(bucket, key, loadStreamInMemory=True)).body.buffer


def test_story_from_login_to_the_published_manifest(cloud, obs, url, request):
    bucket = unique_name()
    ok(obs.createBucket(bucket))
    request.addfinalizer(Bucket(url, bucket).remove)
    for name, data in PICTURES.items():
        ok(obs.putContent(bucket, f"in/{name}", content=data))

    api = cloud.modelartsv2
    created = api.create_dataset(
        dataset_name=unique_name("dataset"),
        dataset_type=0,
        data_sources=[{"data_type": 0, "data_path": f"/{bucket}/in/"}],
        work_path=f"/{bucket}/out/",
        work_path_type=0,
    )
    dataset = poll(lambda: (found := api.get_dataset(created.id)).status == 1 and found, "status 1")
    assert dataset.total_sample_count == 50

    base = f"/datasets/{created.id}"
    samples = api.get(f"{base}/data-annotations/samples?limit=100").json()["samples"]
    assert sorted(sample["sample_name"] for sample in samples) == sorted(PICTURES)
    for sample in samples[:5]:
        assert requests.get(sample["source"], timeout=20).content == PICTURES[sample["sample_name"]]

    labels = {sample["sample_name"]: ("even", "odd")[int(sample["sample_name"][:2]) % 2] for sample in samples}
    rows = [
        {"sample_id": sample["sample_id"], "labels": [{"name": labels[sample["sample_name"]], "type": 0}]}
        for sample in samples
    ]
    assert api.put(f"{base}/data-annotations/samples", json={"samples": rows}).json()["success"] is True

    version = ok_json(api.post(f"{base}/versions", json={"version_name": "V001"}))["version_id"]
    published = poll(lambda: (v := api.get(f"{base}/versions/{version}").json())["status"] == 1 and v, "published")

    manifest_bucket, _, key = published["manifest_path"].lstrip("/").partition("/")
    lines = [json.loads(line) for line in download(obs, manifest_bucket, key).decode().splitlines()]
    assert len(lines) == 50
    for line in lines:
        source_bucket, _, source_key = line["source"].partition("://")[2].partition("/")
        name = source_key.rpartition("/")[2]
        assert download(obs, source_bucket, source_key) == PICTURES[name]
        assert [annotation["name"] for annotation in line["annotation"]] == [labels[name]]
    assert {found.key for found in ok(obs.listObjects(bucket, prefix="in/")).body.contents} == {
        f"in/{name}" for name in PICTURES
    }


def ok_json(answer):
    assert answer.status_code in (200, 201), answer.text
    return answer.json()
