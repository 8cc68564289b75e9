"""Create a dataset over ``/my-bucket/in/``, label its samples, publish a version and print its manifest."""

import os
import time

import requests

URL = os.environ.get("MODELARTS_EMULATOR_URL", "http://127.0.0.1:8765")
DATASETS = f"{URL}/v2/my-project/datasets"


def wait_until_ready(url: str, ready: int) -> dict:
    """Poll a dataset or version until its status is ``ready``, and return it."""
    while (answer := requests.get(url, timeout=30).json())["status"] != ready:
        time.sleep(0.1)
    return answer


def main() -> None:
    """Run the whole story once."""
    created = requests.post(
        DATASETS,
        json={
            "dataset_name": f"pets-{time.time_ns()}",
            "dataset_type": 0,
            "data_sources": [{"data_type": 0, "data_path": "/my-bucket/in/"}],
            "work_path": "/my-bucket/out/",
            "work_path_type": 0,
        },
        timeout=30,
    )
    created.raise_for_status()
    dataset = f"{DATASETS}/{created.json()['dataset_id']}"
    wait_until_ready(dataset, 1)

    samples_url = f"{dataset}/data-annotations/samples"
    samples = requests.get(samples_url, params={"limit": 100}, timeout=30).json()["samples"]
    labels = [{"sample_id": each["sample_id"], "labels": [{"name": "pet"}]} for each in samples]
    requests.put(samples_url, json={"samples": labels}, timeout=30).raise_for_status()

    version_id = requests.post(f"{dataset}/versions", json={}, timeout=30).json()["version_id"]
    version = wait_until_ready(f"{dataset}/versions/{version_id}", 1)
    manifest = requests.get(f"{URL}{version['manifest_path']}", headers={"Authorization": "any"}, timeout=30)
    print(manifest.content.count(b"\n"), "lines in", version["manifest_path"])


if __name__ == "__main__":
    main()
