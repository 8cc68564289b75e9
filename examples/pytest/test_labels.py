"""Tests against the emulator: the installed plugin brings the fixtures, and starts the emulator by itself."""

import requests


def test_label_is_found_again(modelarts_dataset):
    dataset = modelarts_dataset(3, labels={"0000.jpg": "cat"})
    answer = requests.get(f"{dataset.url}/data-annotations/samples?label_name=cat", timeout=30).json()
    assert [each["sample_name"] for each in answer["samples"]] == ["0000.jpg"]


def test_client_meets_a_busy_service(modelarts, modelarts_dataset):
    dataset = modelarts_dataset()
    modelarts.fault(operation="DescDataset", status=503, times=1)
    assert [requests.get(dataset.url, timeout=30).status_code for _ in range(2)] == [503, 200]
