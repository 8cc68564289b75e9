"""Every query parameter of every operation changes the answer, or is listed as being without effect."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from modelarts_emulator.contract.unsupported import WITHOUT_EFFECT
from tests.helpers.api import Api
from tests.helpers.contract.answers import OPERATIONS
from tests.helpers.contract.effects import labels
from tests.helpers.contract.project import BOX, ContractProject, running

SIGNED = re.compile(r"\?AccessKeyId=[^\"]*")
MOMENT = re.compile(r'"\d{13}"')  # the last point of monitoring data is of now
# operation -> parameter -> the query without it, and with it. Both are answered differently.
EFFECTS: dict[str, dict[str, tuple[str, str]]] = {
    "ListDatasets": {
        "check_running_task": ("", "check_running_task=true"),
        "running_task_type": ("check_running_task=true", "check_running_task=true&running_task_type=2"),
        "contain_versions": ("", "contain_versions=true"),
        "dataset_type": ("", "dataset_type=1"),
        "file_preview": ("", "file_preview=true"),
        "limit": ("", "limit=1"),
        "offset": ("limit=1", "limit=1&offset=1"),
        "order": ("", "order=asc"),
        "search_content": ("", "search_content=BOX"),
        "sort_by": ("", "sort_by=dataset_name"),
        "support_export": ("", "support_export=true"),
        "train_evaluate_ratio": ("", "train_evaluate_ratio=0.1,0.6"),
        "version_format": ("", "version_format=0"),
        "with_labels": ("", "with_labels=true"),
        "workspace_id": ("", "workspace_id=other"),
    },
    "DescDataset": {
        "check_running_task": ("", "check_running_task=true"),
        "running_task_type": ("check_running_task=true", "check_running_task=true&running_task_type=2"),
    },
    "ListStats": {
        "email": ("", "email=a@b"),
        "sample_state": ("", "sample_state=AUTO_ANNOTATION"),
        "locale": ("", "locale=zh-cn"),
    },
    "GetDatasetMetrics": {
        "start_time": ("", "start_time=99999999999999"),
        "end_time": ("", "end_time=1"),
        "workforce_task_id": ("", "workforce_task_id=missing"),
    },
    "ListSamples": {
        "email": ("", "email=a@b"),
        "high_score": ("", "high_score=0.4"),
        "low_score": ("", "low_score=0.4"),
        "label_name": ("", "label_name=cat"),
        "label_type": ("", "label_type=1"),
        "limit": ("", "limit=1"),
        "offset": ("limit=1", "limit=1&offset=1"),
        "locale": ("", "locale=zh-cn"),
        "order": ("", "order=asc"),
        "preview": ("", "preview=true"),
        "process_parameter": ("", "process_parameter=image/resize,m_lfit,h_20"),
        "sample_state": ("", "sample_state=NONE"),
        "sample_type": ("", "sample_type=6"),
        "search_conditions": ("", "search_conditions=" + quote('{"sample_name":"1.png"}')),
        "version_id": ("", "version_id={version_id}"),
    },
    "DescribeSample": {"locale": ("", "locale=zh-cn")},
    "ListLabels": {
        "version_id": ("", "version_id={version_id}"),
        "limit": ("", "limit=1"),
        "offset": ("", "offset=1"),
    },
    "ListImportTasks": {"limit": ("", "limit=1"), "offset": ("limit=1", "limit=1&offset=1")},
    "GetExportTasksStatusOfDataset": {
        "limit": ("", "limit=1"),
        "offset": ("limit=1", "limit=1&offset=1"),
        "export_type": ("", "export_type=1"),
    },
    "ListDatasetVersions": {
        "limit": ("", "limit=1"),
        "offset": ("limit=1", "limit=1&offset=1"),
        "status": ("", "status=4"),
        "train_evaluate_ratio": ("", "train_evaluate_ratio=0.1,0.6"),
        "version_format": ("", "version_format=2"),
    },
}
# Parameters listed as without effect: a query that changes nothing and is warned about.
WITHOUT = {
    "ListDatasets": "dataset_version=v1",
    "DescribeSample": "sample_state=NONE&worker_id=w",
}
# Parameters of calls that change something are walked beside the members of their bodies.
IN_BODIES = {
    (operation, path.removeprefix("?"))
    for operation, cases in labels.EFFECTS.items()
    for path in cases
    if path.startswith("?")
}


class Prepared(ContractProject):
    """Datasets, versions, tasks and a held task that differ from each other."""

    def __init__(self, api: Api, bucket: Path) -> None:
        super().__init__(api, bucket)
        self.dataset_id = self.dataset(dataset_name="z-pictures")
        self.boxes = self.dataset(1, "boxes", dataset_name="b-boxes")
        self.dataset(101, "text", dataset_name="m-text")
        ids = self.ids(self.dataset_id)
        hard = {"@modelarts:hard": 1, "@modelarts:hard_reasons": [1, 6]}
        items = [
            {"sample_id": ids[0], "labels": [{"name": "cat", "score": 0.3}], "metadata": hard},
            {"sample_id": ids[1], "labels": [{"name": "cat", "score": 0.5}]},
            {"sample_id": ids[2], "labels": [{"name": "dog"}]},
            {"sample_id": ids[3], "labels": [{"name": "dog"}]},
        ]
        self.sample_id = ids[0]
        api.call("PUT", f"/{self.dataset_id}/data-annotations/samples", json={"samples": items})
        self.version_id = api.publish(self.dataset_id, train_evaluate_sample_ratio="0.5")["version_id"]
        api.publish(self.dataset_id)
        api.label(self.dataset_id, {ids[2]: [{"name": "late"}]})
        api.label(self.boxes, {self.ids(self.boxes)[0]: [{"name": "box", "property": BOX}]})
        for path in ("new", "in"):
            self.task("import", {"import_path": f"/bucket/{path}/"})
        for number in (0, 1):
            self.task("export", {"path": f"/bucket/e{number}/", "export_type": number})

    def task(self, kind: str, body: Any) -> None:
        """Run an import or export to its end."""
        self.api.call("POST", f"/{self.dataset_id}/{kind}-tasks", json=body)
        self.rest(self.dataset_id)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    with running(tmp_path_factory.mktemp("effects"), Prepared) as (project, emu):
        assert isinstance(project, Prepared)
        with emu.runtime.tasks.claim(project.dataset_id, "import"):  # a task that is running all the while
            yield project


CASES = [(operation, name) for operation, effects in EFFECTS.items() for name in effects]


@pytest.mark.parametrize(("operation", "name"), CASES)
def test_parameter_changes_the_answer(prepared: Prepared, operation: str, name: str) -> None:
    without, with_it = (
        query.format(version_id=prepared.version_id) if "{v" in query else query for query in EFFECTS[operation][name]
    )
    assert name in with_it
    assert answered(prepared, operation, with_it) != answered(prepared, operation, without)


@pytest.mark.parametrize(("operation", "query"), WITHOUT.items())
def test_parameter_without_effect_changes_nothing_and_is_warned_about(
    prepared: Prepared, operation: str, query: str
) -> None:
    assert answered(prepared, operation, query) == answered(prepared, operation, "")
    answered(prepared, operation, query)
    for name in WITHOUT_EFFECT[operation]:
        assert f"{name} has no effect" in prepared.warned


def answered(prepared: Prepared, operation: str, query: str) -> str:
    path = OPERATIONS[operation]["path"].format(
        project_id="project", dataset_id=prepared.dataset_id, sample_id=prepared.sample_id
    )
    answer = prepared.api.session.get(f"{prepared.api.url}{path}?{query}", timeout=10)
    prepared.warned = answer.headers.get("X-Emulator-Warnings", "")
    if "missing" in query:  # of something that does not exist
        return answer.text
    assert answer.status_code == 200, answer.text
    body = answer.json()
    for sample in body.get("samples", ()):
        sample["processed"] = "x-image-process" in sample["source"]
    # Ids distinguish pages; signatures, which differ in each answer, are removed.
    return MOMENT.sub("<now>", SIGNED.sub("", json.dumps(body)))


def test_parameters_are_tested_or_listed_as_without_effect() -> None:
    walked = {*CASES, *IN_BODIES}
    wanted = {(operation, query["name"]) for operation, each in OPERATIONS.items() for query in each["query"] or ()}
    listed = {(operation, name) for operation, names in WITHOUT_EFFECT.items() for name in names}
    assert walked == wanted - listed
    assert {operation for operation, _ in wanted & listed} - {"UpdateSamples"} == set(WITHOUT)
