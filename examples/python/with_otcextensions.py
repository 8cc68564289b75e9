"""The same story with the Python SDK. Where a shortcut of the SDK builds a wrong URL, its resource class is used."""

import os
import time

import openstack
from otcextensions.sdk.modelartsv2.v2.dataset_sample import DatasetSample
from otcextensions.sdk.modelartsv2.v2.dataset_version import DatasetVersion

url = os.environ.get("MODELARTS_EMULATOR_URL", "http://127.0.0.1:8765")
cloud = openstack.connect(
    auth_url=f"{url}/v3",
    username="me",
    password="secret",
    project_name="my-project",
    user_domain_name="local",
    project_domain_name="local",
    vendor_hook="otcextensions.sdk:load",
    load_yaml_config=False,
    load_envvars=False,
)
modelarts = cloud.modelartsv2
new = modelarts.create_dataset(
    dataset_name=f"digits-{time.time_ns()}",
    dataset_type=0,
    work_path="/my-bucket/out/",
    work_path_type=0,
    data_sources=[{"data_type": 0, "data_path": "/my-bucket/in/"}],
)
while modelarts.get_dataset(new.dataset_id).status != 1:
    time.sleep(0.1)

samples = list(DatasetSample.list(modelarts, dataset_id=new.dataset_id, limit=100, paginated=False))
labels = [{"sample_id": s.sample_id, "labels": [{"name": "digit"}]} for s in samples]
modelarts.put(f"/datasets/{new.dataset_id}/data-annotations/samples", json={"samples": labels})
version = DatasetVersion.new(dataset_id=new.dataset_id, version_name="V001").create(modelarts)
while (v := DatasetVersion.new(dataset_id=new.dataset_id, id=version.version_id).fetch(modelarts)).status == 0:
    time.sleep(0.1)
print(len(samples), "samples labelled;", v.manifest_path)
