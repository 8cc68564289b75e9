"""Team labelling tasks: allotment, labelling, review, acceptance, and what reaches the dataset."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.teams import Team, comments


@pytest.fixture
def team(api: Api, bucket: Path) -> Team:
    return Team(api, bucket)


@pytest.fixture
def running(team: Team) -> Team:
    """Return a team with a started task."""
    team.create()
    return team


@pytest.fixture
def unreviewed(api: Api, bucket: Path) -> Team:
    """Return a team without a reviewer, with a started task."""
    team = Team(api, bucket, reviewers=0)
    team.create()
    return team


# Creation and allotment


def test_task_allots_every_unlabelled_sample_evenly(running: Team) -> None:
    assert running.stats() == {"total": 6, "unannotated": 6}
    loads = Counter(each["worker_id"] for each in running.samples())
    workers = running.workers()
    assert loads == {workers["l0@example.com"]: 3, workers["l1@example.com"]: 3}
    found = running.details()
    assert (found["status"], found["repetition"], found["auto_sync_dataset"]) == (1, 1, True)
    assert found["workforce_stats"] == {"workforce_count": 1, "labeler_count": 2, "reviewer_count": 1}
    assert {each["email"]: each["email_status"] for each in found["worker_stats"]}["l0@example.com"] == 3


def test_task_leaves_labelled_samples_out(team: Team) -> None:
    first, second, *_ = team.api.ids(team.dataset_id).values()
    team.api.label(team.dataset_id, {first: [{"name": "own"}], second: [{"name": "own"}]})
    team.create()
    assert team.stats() == {"total": 4, "unannotated": 4}


def test_task_with_conditions_allots_the_samples_that_meet_them(team: Team) -> None:
    team.create(sample_conditions='[{"sample_name": "3"}]')
    assert [each["sample_name"] for each in team.samples()] == ["3.png"]
    assert team.details()["sample_search_conditions"] == [{"sample_name": "3"}]
    team.refused(
        "PARAMETER_INVALID", "POST", team.tasks, json={"workforces_config": team.config(), "sample_conditions": "["}
    )


def test_task_with_repetition_allots_each_sample_to_different_labelers(team: Team) -> None:
    team.create(repetition=2)
    samples = team.samples()
    assert team.stats() == {"total": 12, "unannotated": 12}
    pairs = {(each["sample_id"], each["worker_id"]) for each in samples}
    assert len(pairs) == 12
    assert all(len(each["labelers"]) == 2 for each in samples)


def test_allotment_is_the_same_for_the_same_id_seed(team: Team, emu: Emulator) -> None:
    control = Control(emu.url)

    def allotted() -> list[Any]:
        control.call("PUT", "ids", json={"seed": "again"})
        team.create()
        found = [(each["sample_id"], each["worker_id"]) for each in team.samples()]
        team.call("DELETE", team.task, 204)
        return found

    assert allotted() == allotted()


@pytest.mark.parametrize(
    ("error", "members"),
    [
        ("PARAMETER_INVALID", {"workforces_config": None}),
        ("PARAMETER_INVALID", {"workforces_config": {"workforces": []}}),
        ("TEAM_NOT_FOUND", {"workforces_config": {"workforces": [{"workforce_id": "missing"}]}}),
        ("TOO_FEW_LABELERS", {"repetition": 3}),
        ("MANAGER_COUNT", {"workforces_config": {"agency": "l0@example.com"}}),
        ("PARAMETER_INVALID", {"task_name": "with space"}),
        ("PARAMETER_INVALID", {"repetition": 0}),
    ],
)
def test_task_that_is_refused_changes_nothing(team: Team, error: str, members: dict[str, Any]) -> None:
    team.refused(error, "POST", team.tasks, json={"workforces_config": team.config(), **members})
    assert team.call("GET", team.tasks) == {"count": 0, "tasks": []}


def test_task_names_are_unique_and_generated(team: Team) -> None:
    team.create(task_name="mine")
    body = {"workforces_config": team.config(), "task_name": "mine"}
    team.refused("TEAM_TASK_EXISTS", "POST", team.tasks, json=body)
    team.create()
    assert team.details()["task_name"].startswith("task-")
    assert team.call("GET", f"{team.tasks}?limit=1")["tasks"][0]["task_id"] == team.task_id
    assert team.call("GET", team.tasks)["count"] == 2


def test_unknown_member_of_a_team_is_refused(team: Team) -> None:
    body = {"workforces_config": team.config("stranger@example.com")}
    team.refused("WORKER_NOT_FOUND", "POST", team.tasks, json=body)


def test_task_of_a_table_is_not_supported(team: Team, bucket: Path) -> None:
    (bucket / "table").mkdir()
    (bucket / "table/a.csv").write_text("a,b\n1,2\n")
    table = team.api.dataset(dataset_name="table", dataset_type=400, data_sources=[{"data_path": "/bucket/table/"}])
    body = {"workforces_config": team.config()}
    team.refused("UNSUPPORTED_TYPE", "POST", f"/datasets/{table}/workforce-tasks", json=body)


def test_missing_task_is_refused_by_every_operation(running: Team) -> None:
    path = f"{running.tasks}/missing"
    for method, below, body in (
        ("GET", "", None),
        ("PUT", "", {"description": "x"}),
        ("POST", "", {}),
        ("DELETE", "", None),
        ("POST", "/notify", {"emails": ["l0@example.com"]}),
        ("GET", "/metrics", None),
        ("GET", "/data-annotations/stats", None),
        ("GET", "/data-annotations/samples", None),
        ("GET", "/data-annotations/samples/x", None),
        ("PUT", "/data-annotations/samples", {"samples": [{"sample_id": "x"}]}),
        ("POST", "/data-annotations/review", {"comments": [{"accept": True}]}),
        ("POST", "/acceptance", {"sampling_num": 1}),
        ("GET", "/acceptance/report", None),
        ("PUT", "/acceptance/status", {"action": 0}),
        ("POST", "/acceptance/batch-comment", {"comments": [{"accept": True}]}),
    ):
        running.refused("TEAM_TASK_NOT_FOUND", method, path + below, json=body)


# A manager


def test_task_of_an_agency_waits_for_its_start(team: Team) -> None:
    team.create(workforces_config={"agency": "m@example.com"})
    assert (team.details()["status"], team.stats()) == (6, {})
    team.refused("TEAM_TASK_UNFINISHED", "POST", f"{team.task}/acceptance", json={"sampling_num": 1})
    team.refused("PARAMETER_INVALID", "POST", team.task, json={})
    assert team.call("POST", team.task, json={"workforces_config": team.config("l0@example.com")}) == {}
    found = team.details()
    assert (found["status"], found["workforces_config"]["agency"]) == (1, "m@example.com")
    assert team.stats() == {"total": 6, "unannotated": 6}
    team.refused("TEAM_TASK_UNFINISHED", "POST", team.task, json={"workforces_config": team.config()})


# Members


def test_samples_of_a_removed_labeler_go_to_the_others(running: Team) -> None:
    workers = running.workers()
    mine = [each for each in running.samples() if each["worker_id"] == workers["l0@example.com"]]
    running.label(mine[0])
    body = {"workforces_config": running.config("l1@example.com", "r0@example.com"), "task_name": "renamed"}
    assert running.call("PUT", running.task, json=body) == {}
    loads = Counter(each["worker_id"] for each in running.samples())
    assert loads == {workers["l0@example.com"]: 1, workers["l1@example.com"]: 5}
    assert running.details()["task_name"] == "renamed"
    answer = running.label(mine[0])
    assert answer["results"][0]["error_code"] == "ModelArts.4600"


def test_send_emails_records_the_time_and_the_mail(running: Team, emu: Emulator) -> None:
    body = {"emails": ["l0@example.com", "stranger@example.com"]}
    answer = running.call("POST", f"{running.task}/notify", json=body)
    assert [each["success"] for each in answer["results"]] == [True, False]
    assert answer["results"][1]["error_code"] == "ModelArts.4604"
    stats = {each["email"]: each for each in running.details()["worker_stats"]}
    assert stats["l0@example.com"]["last_notify_time"] > 0
    assert stats["l1@example.com"]["last_notify_time"] == 0
    mails = Control(emu.url).call("GET", "mails?email=l0@example.com&project_id=project")["mails"]
    assert [mail["workforce_task_id"] for mail in mails] == [running.task_id] * 2
    running.refused("PARAMETER_INVALID", "POST", f"{running.task}/notify", json={"emails": []})


def test_member_status_follows_mails_and_work(team: Team) -> None:
    def status(email: str) -> int:
        workers = team.call("GET", f"/workforces/{team.team_id}/workers?limit=100")["workers"]
        return int({worker["email"]: worker["status"] for worker in workers}[email])

    assert status("l0@example.com") == 0
    team.create()
    assert status("l0@example.com") == 1
    workers = team.workers()
    team.label(*(each for each in team.samples() if each["worker_id"] == workers["l0@example.com"]))
    assert (status("l0@example.com"), status("l1@example.com")) == (2, 1)


def test_list_worker_tasks_has_an_entry_for_each_member(running: Team) -> None:
    page = running.call("GET", "/workforces/worker-tasks?limit=2&offset=1")
    assert (page["count"], len(page["worker_tasks"])) == (4, 2)
    every = running.call("GET", f"/workforces/worker-tasks?search_content={running.details()['task_name']}")
    entry = {each["email"]: each for each in every["worker_tasks"]}["l0@example.com"]
    assert (entry["dataset_id"], entry["dataset_type"], entry["task_status"]) == (running.dataset_id, 0, 1)
    assert entry["sample_stats"]["total_sample_count"] == 3
    assert running.call("GET", "/workforces/worker-tasks?search_content=nothing")["count"] == 0


# Labelling and review


def test_labels_of_members_do_not_reach_the_dataset(running: Team) -> None:
    answer = running.label(*running.samples())
    assert answer["success"] is True
    assert running.stats() == {"total": 6, "unreviewed": 6}
    assert set(map(tuple, running.dataset_labels().values())) == {()}
    assert running.api.call("GET", f"/{running.dataset_id}/data-annotations/labels")["labels"] == []
    sample = running.samples("__unreviewed__")[0]
    assert (sample["labels"][0]["name"], sample["sample_status"]) == ("cat", "MANUAL_ANNOTATION")
    assert sample["annotated_by"] in {f"human/{email}" for email in running.labelers}


def test_labelling_without_a_reviewer_waits_for_the_acceptance(unreviewed: Team) -> None:
    samples = unreviewed.samples()
    unreviewed.label(*samples[:4])
    assert unreviewed.stats() == {"total": 6, "unannotated": 2, "uncheck": 4}
    body = {"samples": [{"sample_id": samples[0]["sample_id"], "labels": []}]}
    unreviewed.call("PUT", f"{unreviewed.task}/data-annotations/samples", json=body)
    assert unreviewed.stats() == {"total": 6, "unannotated": 3, "uncheck": 3}


def test_labelling_is_refused_sample_by_sample(running: Team) -> None:
    mine, other = running.samples()[0], next(iter(running.workers().values()))
    stranger = next(id_ for id_ in running.workers().values() if id_ != mine["worker_id"])
    items = [
        {"sample_id": "missing", "labels": [{"name": "cat"}]},
        {"sample_id": mine["sample_id"], "worker_id": stranger, "labels": [{"name": "cat"}]},
        {"sample_id": mine["sample_id"], "worker_id": "unknown", "labels": [{"name": "cat"}]},
        {"sample_id": mine["sample_id"], "labels": [{"name": "x" * 1025}]},
        {"sample_id": mine["sample_id"], "labels": [{"name": "cat"}]},
    ]
    answer = running.call("PUT", f"{running.task}/data-annotations/samples", json={"samples": items})
    codes = [each.get("error_code") for each in answer["results"]]
    assert codes == ["ModelArts.4420", "ModelArts.4600", "ModelArts.4600", "ModelArts.4413", None]
    assert running.stats() == {"total": 6, "unannotated": 5, "unreviewed": 1}
    assert other
    running.refused("PARAMETER_INVALID", "PUT", f"{running.task}/data-annotations/samples", json={})


def test_email_of_the_request_names_the_labeler(team: Team) -> None:
    team.create(repetition=2)
    sample = team.samples()[0]["sample_id"]
    path = f"{team.task}/data-annotations/samples"
    item = {"sample_id": sample, "labels": [{"name": "cat"}]}
    answer = team.call("PUT", path, json={"samples": [item]})
    assert answer["results"][0]["error_code"] == "ModelArts.4604"  # two labelers, and none is named
    assert team.call("PUT", path, json={"samples": [item], "email": "l1@example.com"})["success"]
    (labelled,) = team.samples("ALL")
    assert labelled["worker_id"] == team.workers()["l1@example.com"]
    own = team.samples(email="l1@example.com")
    assert {each["worker_id"] for each in own} == {labelled["worker_id"]}
    assert len(own) == 6
    team.refused("WORKER_FORBIDDEN", "GET", path, params={"email": "stranger@example.com"})


def test_review_accepts_and_rejects(running: Team) -> None:
    samples = running.samples()
    running.label(*samples)
    running.review(*samples[:4])
    running.review(samples[4], accept=False)
    assert running.stats() == {"total": 6, "unreviewed": 1, "uncheck": 4, "rejected": 1}
    found = running.call("GET", f"{running.task}/data-annotations/samples/{samples[4]['sample_id']}")
    assert found["review_accept"] is False
    assert len(running.samples("REVIEWED")) == 4
    running.label(samples[4])  # labelled again
    assert running.stats() == {"total": 6, "unreviewed": 2, "uncheck": 4}
    again = running.call("GET", f"{running.task}/data-annotations/samples/{samples[4]['sample_id']}")
    assert "review_accept" not in again


def test_review_with_one_wrong_item_changes_nothing(running: Team) -> None:
    samples = running.samples()
    running.label(samples[0])
    path = f"{running.task}/data-annotations/review"
    running.refused("WORKER_FORBIDDEN", "POST", path, json={"comments": comments(samples[:2], True)})
    running.refused(
        "SAMPLE_NOT_FOUND",
        "POST",
        path,
        json={"comments": [*comments(samples[:1], True), {"sample_id": "x", "accept": True}]},
    )
    running.refused("PARAMETER_INVALID", "POST", path, json={"comments": []})
    running.refused("PARAMETER_INVALID", "POST", path, json={"comments": comments(samples[:1], True, comment="<")})
    running.refused("PARAMETER_INVALID", "POST", path, json={"comments": comments(samples[:1], True, score="E")})
    assert running.stats() == {"total": 6, "unannotated": 5, "unreviewed": 1}


# Acceptance


def waiting(team: Team) -> list[Any]:
    """Label every sample, and return them."""
    samples = team.samples()
    team.label(*samples)
    return samples


def test_acceptance_needs_labels_and_one_measure(unreviewed: Team) -> None:
    path = f"{unreviewed.task}/acceptance"
    unreviewed.refused("NOTHING_TO_ACCEPT", "POST", path, json={"sampling_num": 1})
    waiting(unreviewed)
    for body in ({}, {"sampling_num": 1, "sampling_rate": 0.5}, {"sampling_rate": 0}, {"sampling_rate": 1.1}):
        unreviewed.refused("PARAMETER_INVALID", "POST", path, json=body)
    for operation in ("status", "batch-comment"):
        method = "PUT" if operation == "status" else "POST"
        body = {"action": 0} if operation == "status" else {"comments": [{"sample_id": "x", "accept": True}]}
        unreviewed.refused("ACCEPTANCE_NOT_FOUND", method, f"{path}/{operation}", json=body)
    unreviewed.refused("ACCEPTANCE_NOT_FOUND", "GET", f"{path}/report")


def test_report_counts_judgements(unreviewed: Team) -> None:
    waiting(unreviewed)
    acceptance = unreviewed.accept(0.4)
    report = unreviewed.call("GET", f"{unreviewed.task}/acceptance/report?checking_task_id={acceptance}")
    assert report["total_stats"] == {
        "task_id": acceptance,
        "sampling_rate": 0.4,
        "sampling_num": 3,
        "pass_rate": 0.0,
        "score": "E",
        "total_score": 0,
        "total_sample_count": 6,
        "sampled_sample_count": 3,
        "unchecked_sample_count": 3,
        "checked_sample_count": 0,
        "accepted_sample_count": 0,
        "rejected_sample_count": 0,
    }
    drawn = unreviewed.samples("WORKFORCE_SAMPLED")
    unreviewed.judge(drawn[0], score="A", comment="good")
    unreviewed.judge(drawn[1], accept=False)
    stats = unreviewed.call("GET", f"{unreviewed.task}/acceptance/report")["checking_stats"]
    assert (stats["pass_rate"], stats["score"], stats["total_score"]) == (0.5, "C", 4)
    assert [len(unreviewed.samples(f"__WORKFORCE_SAMPLED_{part}__")) for part in ("UNCHECK", "CHECKED")] == [1, 2]
    assert [len(unreviewed.samples(f"workforce_sampled_{part}")) for part in ("accepted", "rejected")] == [1, 1]
    assert unreviewed.stats() == {"total": 6, "uncheck": 6, "sampled": 3}
    (judged,) = unreviewed.samples("WORKFORCE_SAMPLED_ACCEPTED")
    assert (judged["check_accept"], judged["check_comment"], judged["score"]) == (True, "good", "A")
    unreviewed.refused("ACCEPTANCE_NOT_FOUND", "GET", f"{unreviewed.task}/acceptance/report?checking_task_id=other")


@pytest.mark.parametrize(
    ("action", "accepted", "status"),
    [(0, "arun", 3), (1, "", 4), (2, None, 1), (4, "aun", 1), (5, "a", 1)],
)
def test_action_ends_the_acceptance(unreviewed: Team, action: int, accepted: str | None, status: int) -> None:
    samples = waiting(unreviewed)
    unreviewed.call("POST", f"{unreviewed.task}/acceptance", json={"sampling_num": 3})
    drawn = unreviewed.samples("WORKFORCE_SAMPLED")
    unreviewed.judge(drawn[0], score="B")
    unreviewed.judge(drawn[1], accept=False)
    ids = {each["sample_id"] for each in drawn}
    kinds = {
        "a": [drawn[0]["sample_name"]],
        "r": [drawn[1]["sample_name"]],
        "u": [drawn[2]["sample_name"]],
        "n": [each["sample_name"] for each in samples if each["sample_id"] not in ids],
    }
    assert unreviewed.end(action) == {}
    labelled = sorted(name for name, labels in unreviewed.dataset_labels().items() if labels)
    assert labelled == sorted(name for kind in accepted or "" for name in kinds[kind])
    found = unreviewed.details()
    assert found["status"] == status
    if accepted is None:
        assert unreviewed.stats() == {"total": 6, "uncheck": 6}
        assert "checking_task_desc" not in found
        return
    count = len(labelled)
    rest = {"rejected": 6 - count} if count < 6 else {}
    assert unreviewed.stats() == {"total": 6, **({"accepted": count} if count else {}), **rest}
    assert found["checking_task_desc"]["action"] == action
    assert (found["pass_rate"], found["score"]) == (0.5, 1.5)


def test_running_acceptance_refuses_a_second_one_and_new_labels(unreviewed: Team) -> None:
    samples = waiting(unreviewed)
    unreviewed.accept()
    unreviewed.refused("TEAM_TASK_CHECKING", "POST", f"{unreviewed.task}/acceptance", json={"sampling_num": 1})
    answer = unreviewed.label(samples[0], name="dog")
    assert answer["results"][0]["error_code"] == "ModelArts.4623"
    unreviewed.end(0)
    answer = unreviewed.label(samples[0], name="dog")
    assert answer["results"][0]["error_code"] == "ModelArts.4600"
    unreviewed.refused("ACCEPTANCE_NOT_FOUND", "PUT", f"{unreviewed.task}/acceptance/status", json={"action": 0})


def test_judgement_of_a_sample_that_was_not_drawn_changes_nothing(unreviewed: Team) -> None:
    samples = waiting(unreviewed)
    unreviewed.call("POST", f"{unreviewed.task}/acceptance", json={"sampling_num": 1})
    (drawn,) = unreviewed.samples("WORKFORCE_SAMPLED")
    other = next(each for each in samples if each["sample_id"] != drawn["sample_id"])
    body = {"comments": comments([drawn, other], True)}
    unreviewed.refused("SAMPLE_NOT_FOUND", "POST", f"{unreviewed.task}/acceptance/batch-comment", json=body)
    assert len(unreviewed.samples("WORKFORCE_SAMPLED_UNCHECK")) == 1


@pytest.mark.parametrize(("overwrite", "labels"), [(False, ["own"]), (True, ["cat"])])
def test_labels_that_the_dataset_got_meanwhile_are_replaced_on_request(
    unreviewed: Team, overwrite: bool, labels: list[str]
) -> None:
    sample = waiting(unreviewed)[0]
    unreviewed.api.label(unreviewed.dataset_id, {sample["sample_id"]: [{"name": "own"}]})
    unreviewed.accept()
    conflicts = unreviewed.end(3)
    assert conflicts["sample_count"] == 1
    assert conflicts["samples"][0]["sample_id"] == sample["sample_id"]
    assert unreviewed.details()["status"] == 2
    assert unreviewed.end(0, overwrite_last_result=overwrite) == {}
    assert unreviewed.dataset_labels()[sample["sample_name"]] == labels
    assert unreviewed.stats() == {"total": 6, "accepted": 6}


def test_accepted_labels_stay_in_the_task_without_synchronization(api: Api, bucket: Path) -> None:
    team = Team(api, bucket, reviewers=0)
    team.create(auto_sync_dataset=False)
    waiting(team)
    team.accept()
    team.end(0)
    assert team.stats() == {"total": 6, "accepted": 6}
    assert set(map(tuple, team.dataset_labels().values())) == {()}


def test_accepted_labels_have_the_labeler_and_create_labels(unreviewed: Team) -> None:
    waiting(unreviewed)
    unreviewed.accept()
    unreviewed.end(0)
    samples = unreviewed.api.samples(unreviewed.dataset_id)["samples"]
    assert {each["annotated_by"] for each in samples} == {f"human/{email}" for email in unreviewed.labelers}
    assert [each["name"] for each in unreviewed.api.call("GET", f"/{unreviewed.dataset_id}")["labels"]] == ["cat"]


# The dataset and its task


def test_deleted_samples_leave_the_task(running: Team) -> None:
    sample = running.samples()[0]
    body = {"samples": [sample["sample_id"]]}
    running.api.call("POST", f"/{running.dataset_id}/data-annotations/samples/delete", json=body)
    assert running.stats() == {"total": 5, "unannotated": 5, "deleted": 1}
    running.refused("SAMPLE_NOT_FOUND", "GET", f"{running.task}/data-annotations/samples/{sample['sample_id']}")


@pytest.mark.parametrize(("members", "count"), [({}, 6), ({"synchronize_data": True}, 8), ({"data_sync_type": 1}, 8)])
def test_new_samples_join_a_task_that_synchronizes(
    team: Team, emu: Emulator, members: dict[str, Any], count: int
) -> None:
    team.create(**members)
    for number in (20, 21):
        team.add_picture(number)
    emu.wait_idle(10)
    assert team.stats() == {"total": count, "unannotated": count}
    loads = Counter(each["worker_id"] for each in team.samples())
    assert max(loads.values()) - min(loads.values()) <= 1


def test_proposed_labels_join_a_task_that_synchronizes_them(team: Team) -> None:
    team.create(synchronize_auto_labeling_data=True)
    data = (team.bucket / "in/0.png").read_bytes() + b"x"
    import base64

    body = {
        "final_annotation": False,
        "samples": [
            {"name": "p.png", "data": base64.b64encode(data).decode(), "labels": [{"name": "cat", "score": 0.7}]}
        ],
    }
    team.api.call("POST", f"/{team.dataset_id}/data-annotations/samples", json=body)
    assert team.stats() == {"total": 7, "unannotated": 6, "auto_annotation": 1}
    (proposed,) = team.samples("AUTO_ANNOTATION")
    assert (proposed["labels"][0]["name"], proposed["sample_status"]) == ("cat", "AUTO_ANNOTATION")


def test_dataset_shows_its_newest_task(running: Team) -> None:
    samples = running.samples()
    running.label(*samples)
    running.review(samples[0], accept=False)
    found = running.api.call("GET", f"/{running.dataset_id}")
    shown = found["workforce_descriptor"]
    assert (shown["current_task_id"], shown["reject_num"]) == (running.task_id, 1)
    assert (found["workforce_task_count"], found["exist_workforce_task"]) == (1, True)
    assert {each["email"] for each in shown["workers"]} == {*running.labelers, *running.reviewers, "m@example.com"}


@pytest.mark.parametrize("state", ["UNREVIEWED", "__UNREVIEWED__"])
def test_states_of_a_task_filter_the_dataset(running: Team, state: str) -> None:
    samples = running.samples()
    running.label(*samples[:2])
    found = running.api.samples(running.dataset_id, f"?sample_state={state}")
    assert {each["sample_id"] for each in found["samples"]} == {each["sample_id"] for each in samples[:2]}
    assert found["sample_count"] == 2
    assert running.api.samples(running.dataset_id, "?sample_state=ACCEPTED")["sample_count"] == 0


def test_dataset_can_be_created_with_a_task(team: Team, emu: Emulator) -> None:
    dataset_id = team.api.dataset(
        dataset_name="with-task",
        workforce_information={"task_name": "first", "workforces_config": team.config(), "repetition": 2},
    )
    emu.wait_idle(10)
    team.dataset_id = dataset_id
    team.task_id = team.api.call("GET", f"/{dataset_id}")["workforce_descriptor"]["current_task_id"]
    found = team.details()
    assert (found["task_name"], found["status"], found["repetition"]) == ("first", 1, 2)
    assert team.stats() == {"total": 12, "unannotated": 12}
    body = {
        "dataset_name": "refused",
        "data_sources": [{"data_path": "/bucket/in/"}],
        "work_path": "/bucket/out/",
        "work_path_type": 0,
        "workforce_information": {
            "task_name": "first",
            "workforces_config": {"workforces": [{"workforce_id": "missing"}]},
        },
    }
    team.refused("TEAM_NOT_FOUND", "POST", "/datasets", json=body)
    assert team.api.call("GET", "?search_content=refused")["total_number"] == 0


def test_statistics_count_the_labels_of_the_task(running: Team) -> None:
    running.api.call("POST", f"/{running.dataset_id}/data-annotations/labels", json={"labels": [{"name": "cat"}]})
    samples = running.samples()
    running.label(*samples[:2])
    stats = running.call("GET", f"{running.task}/data-annotations/stats")
    assert stats["sample_stats"] == {
        "total": 6,
        "un_annotation": 4,
        "rejected": 0,
        "unreviewed": 2,
        "accepted": 0,
        "auto_annotation": 0,
        "uncheck": 0,
    }
    (row,) = stats["label_stats"]
    assert (row["name"], row["count"], row["sample_count"]) == ("cat", 2, 2)
    none = running.call("GET", f"{running.task}/data-annotations/stats?sample_state=ACCEPTED")
    assert none["label_stats"][0]["count"] == 0
    metrics = running.call("GET", f"{running.task}/metrics")["sample_stats"]
    assert sorted(metrics) == running.labelers
    assert sum(each["unreviewed"] for each in metrics.values()) == 2
    assert running.call("GET", f"{running.task}?label_stats=true")["label_stats"][0]["sample_count"] == 2


def test_samples_of_a_task_are_filtered_and_paged(running: Team) -> None:
    samples = running.samples()
    running.label(*samples[:3], name="dog")
    path = f"{running.task}/data-annotations/samples"
    assert running.call("GET", f"{path}?label_name=dog&limit=2")["sample_count"] == 3
    assert running.call("GET", f"{path}?label_name=__none__")["sample_count"] == 3
    assert running.call("GET", f"{path}?label_name=dog&sample_state=NONE")["sample_count"] == 0
    assert running.call("GET", f"{path}?label_type=1")["sample_count"] == 0
    page = running.call("GET", f"{path}?limit=2&offset=2")
    assert [each["sample_id"] for each in page["samples"]] == [each["sample_id"] for each in samples[4:6]]
    found = running.call("GET", path, params={"search_conditions": '{"sample_name": "5"}'})
    assert [each["sample_name"] for each in found["samples"]] == ["5.png"]


def test_task_survives_a_restart_with_its_labels(running: Team, emu: Emulator, settings: Settings) -> None:
    samples = running.samples()
    running.label(*samples[:3])
    running.review(*samples[:2])
    running.accept()
    before = (running.details(), running.call("GET", f"{running.task}/acceptance/report"))
    emu.stop()
    with Emulator(settings) as again:
        running.api.base = Api(again.url).base
        after = (running.details(), running.call("GET", f"{running.task}/acceptance/report"))
        assert after == before
        assert len(running.samples("WORKFORCE_SAMPLED")) == 2


def test_story_of_two_labelers_a_reviewer_and_two_acceptances(running: Team) -> None:
    samples = running.samples()
    running.label(*samples)
    running.review(*samples[:5])
    running.review(samples[5], accept=False)
    running.label(samples[5], name="dog")
    running.review(samples[5])
    assert running.stats() == {"total": 6, "uncheck": 6}
    running.accept()
    drawn = {each["sample_id"]: each for each in running.samples("WORKFORCE_SAMPLED")}
    assert len(drawn) == 6
    running.judge(*samples[:4], score="A")
    running.judge(*samples[4:], accept=False)
    running.end(5)
    assert running.stats() == {"total": 6, "accepted": 4, "rejected": 2}
    assert running.details()["status"] == 1
    again = running.samples("REJECTED")
    running.label(*again, name="bird")
    running.review(*running.samples("UNREVIEWED"))
    running.accept(0.5)
    running.judge(*running.samples("WORKFORCE_SAMPLED"), score="D")
    running.end(4)
    assert (running.details()["status"], running.stats()) == (3, {"total": 6, "accepted": 6})
    assert Counter(name for (name,) in running.dataset_labels().values()) == {"cat": 4, "bird": 2}
    version = running.api.publish(running.dataset_id)
    assert version["annotated_sample_count"] == 6
