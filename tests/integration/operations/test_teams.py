"""Labelling teams and their members."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.teams import Team


@pytest.fixture
def team(api: Api, bucket: Path) -> Team:
    return Team(api, bucket, pictures=2)


def test_create_workforce_answers_as_the_reference(team: Team) -> None:
    body = {"workforce_name": "team-123", "description": "my team"}
    team_id = team.call("POST", "/workforces", 201, json=body)["workforce_id"]
    found = team.call("GET", f"/workforces/{team_id}")
    assert (found["workforce_name"], found["description"], found["worker_count"]) == ("team-123", "my team", 0)
    assert found["create_time"] == found["update_time"]
    assert team.call("PUT", f"/workforces/{team_id}", json={"description": "other"}) == {}
    assert team.call("GET", f"/workforces/{team_id}")["description"] == "other"
    team.call("DELETE", f"/workforces/{team_id}", 204)
    team.refused("TEAM_NOT_FOUND", "GET", f"/workforces/{team_id}")


def test_list_workforces_sorts_searches_and_pages(team: Team) -> None:
    for name in ("b-team", "a-team", "other"):
        team.call("POST", "/workforces", 201, json={"workforce_name": name})

    def names(query: str) -> list[str]:
        return [each["workforce_name"] for each in team.call("GET", f"/workforces?{query}")["workforces"]]

    assert names("") == ["other", "a-team", "b-team", "team"]
    assert names("order=asc") == ["team", "b-team", "a-team", "other"]
    assert names("sort_by=workforce_name&order=asc") == ["a-team", "b-team", "other", "team"]
    assert names("search_content=-team&limit=1&offset=1") == ["b-team"]
    assert team.call("GET", "/workforces?search_content=-team&limit=1")["total_number"] == 2
    team.create()
    assert names(f"workforce_task_id={team.task_id}") == ["team"]
    assert names("workforce_task_id=missing") == []


def test_workforce_name_is_unique_in_its_project(team: Team) -> None:
    team.refused("TEAM_EXISTS", "POST", "/workforces", json={"workforce_name": "team"})
    other = team.call("POST", "/workforces", 201, json={"workforce_name": "other"})["workforce_id"]
    team.refused("TEAM_EXISTS", "PUT", f"/workforces/{other}", json={"workforce_name": "team"})
    team.call("PUT", f"/workforces/{other}", json={"workforce_name": "other"})


def test_eleventh_workforce_exceeds_the_quota(team: Team) -> None:
    for number in range(9):
        team.call("POST", "/workforces", 201, json={"workforce_name": f"t{number}"})
    team.refused("QUOTA_EXCEEDED", "POST", "/workforces", json={"workforce_name": "one-more"})


def test_workforce_of_another_project_does_not_exist(team: Team, emu: Emulator) -> None:
    other = Api(emu.url, "elsewhere")
    base = other.base.removesuffix("/datasets")
    assert other.session.get(f"{base}/workforces", timeout=10).json() == {"total_number": 0, "workforces": []}
    answer = other.session.get(f"{base}/workforces/{team.team_id}", timeout=10)
    assert answer.json()["error_code"] == "ModelArts.4601"
    assert other.session.post(f"{base}/workforces", json={"workforce_name": "team"}, timeout=10).status_code == 201
    other.session.close()


def test_workers_are_described_sorted_and_filtered_by_role(team: Team) -> None:
    path = f"/workforces/{team.team_id}/workers"
    page = team.call("GET", f"{path}?sort_by=email&order=asc&limit=2")
    assert page["total_number"] == 4
    assert [worker["email"] for worker in page["workers"]] == ["l0@example.com", "l1@example.com"]
    worker = page["workers"][0]
    assert (worker["role"], worker["status"], worker["workforce_id"]) == (0, 0, team.team_id)
    assert team.call("GET", f"{path}/{worker['worker_id']}") == worker
    for role, emails in ((0, team.labelers), (1, team.reviewers), (2, ["m@example.com"])):
        found = team.call("GET", f"/workforces/workers?role={role}&sort_by=email&order=asc")["workers"]
        assert [each["email"] for each in found] == emails
    assert team.call("GET", "/workforces/workers")["total_number"] == 2


@pytest.mark.parametrize(("emails", "count"), [("a@b.c", 1), ("a@b.c;d@e.f", 2), (["a@b.c", "d@e.f", "g@h.i"], 3)])
def test_create_worker_adds_a_member_for_each_address(team: Team, emails: object, count: int) -> None:
    path = f"/workforces/{team.team_id}/workers"
    assert team.call("POST", path, 201, json={"emails": emails, "role": "0"}) == {}
    assert team.call("GET", path)["total_number"] == 4 + count


def test_create_worker_with_a_taken_address_adds_none(team: Team) -> None:
    path = f"/workforces/{team.team_id}/workers"
    other = team.call("POST", "/workforces", 201, json={"workforce_name": "other"})["workforce_id"]
    body = {"emails": "new@b.c,L0@example.com", "role": 0}
    team.refused("WORKER_EXISTS", "POST", f"/workforces/{other}/workers", json=body)
    team.refused("MANAGER_COUNT", "POST", path, json={"emails": "n@b.c", "role": 2})
    team.refused("PARAMETER_INVALID", "POST", path, json={"emails": "nobody", "role": 0})
    team.refused("PARAMETER_INVALID", "POST", path, json={"emails": "", "role": 0})
    team.refused("PARAMETER_ERROR", "POST", path, json={"emails": "n@b.c", "role": 3})
    assert team.call("GET", f"/workforces/{other}/workers")["total_number"] == 0
    assert team.call("GET", path)["total_number"] == 4


def test_team_has_at_most_a_hundred_members(team: Team) -> None:
    path = f"/workforces/{team.team_id}/workers"
    emails = [f"x{number}@example.com" for number in range(97)]
    team.refused("QUOTA_EXCEEDED", "POST", path, json={"emails": emails, "role": 0})
    team.call("POST", path, 201, json={"emails": emails[:96], "role": 0})
    assert team.call("GET", path)["total_number"] == 100


def test_update_worker_changes_role_and_description(team: Team) -> None:
    worker_id = team.workers()["l0@example.com"]
    path = f"/workforces/{team.team_id}/workers/{worker_id}"
    assert team.call("PUT", path, json={"role": 1, "description": "reviews"}) == {}
    found = team.call("GET", path)
    assert (found["role"], found["description"], found["email"]) == (1, "reviews", "l0@example.com")
    team.refused("MANAGER_COUNT", "PUT", path, json={"role": 2})
    team.refused("PARAMETER_ERROR", "PUT", path, json={"role": 3})
    team.refused("WORKER_NOT_FOUND", "PUT", f"/workforces/{team.team_id}/workers/x", json={"role": 1})


def test_batch_delete_workers_reports_each_member(team: Team) -> None:
    workers = team.workers()
    path = f"/workforces/{team.team_id}/workers"
    answer = team.call("POST", f"{path}/batch-delete", json={"workers": [workers["l0@example.com"], "missing"]})
    assert answer["success"] is False
    assert [each["success"] for each in answer["results"]] == [True, False]
    assert answer["results"][1]["error_code"] == "ModelArts.4604"
    team.call("DELETE", f"{path}/{workers['l1@example.com']}", 204)
    team.refused("WORKER_NOT_FOUND", "DELETE", f"{path}/{workers['l1@example.com']}")
    team.refused("PARAMETER_INVALID", "POST", f"{path}/batch-delete", json={"workers": []})


def test_member_of_a_task_cannot_be_deleted(team: Team) -> None:
    team.create()
    worker_id = team.workers()["l0@example.com"]
    team.refused("WORKER_HAS_TASK", "DELETE", f"/workforces/{team.team_id}/workers/{worker_id}")
    team.refused("WORKER_HAS_TASK", "DELETE", f"/workforces/{team.team_id}")
    team.call("DELETE", team.task, 204)
    team.call("DELETE", f"/workforces/{team.team_id}", 204)
    assert team.call("GET", "/workforces/workers")["total_number"] == 0


def test_teams_survive_a_restart(team: Team, emu: Emulator, settings: Settings) -> None:
    before = team.call("GET", "/workforces")
    workers = team.workers()
    emu.stop()
    with Emulator(settings) as again:
        team.api.base = Api(again.url).base
        assert team.call("GET", "/workforces") == before
        assert team.workers() == workers


def test_damaged_teams_are_quarantined(
    team: Team, emu: Emulator, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    emu.stop()
    assert settings.data_dir is not None
    (Path(settings.data_dir) / "teams.json").write_bytes(b"\xff{")
    with Emulator(settings) as again:
        team.api.base = Api(again.url).base
        assert team.call("GET", "/workforces")["total_number"] == 0
    assert list(Path(settings.data_dir).glob("teams.json.damaged-*"))
    assert "Cannot read the teams" in caplog.text


@pytest.mark.parametrize("name", ["teams.json", "object-metadata.sqlite", "signing-key"])
def test_start_without_a_file_that_was_there_reports_it_once(
    team: Team, emu: Emulator, settings: Settings, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    emu.stop()
    assert settings.data_dir is not None
    path = Path(settings.data_dir) / name
    path.unlink()
    for text in (f"{path} is missing: ", ""):
        caplog.clear()
        with Emulator(settings):
            pass
        errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert len(errors) == bool(text) and all(text in error for error in errors)


def test_reset_of_a_project_deletes_its_teams_only(team: Team, emu: Emulator) -> None:
    other = Api(emu.url, "elsewhere")
    base = other.base.removesuffix("/datasets")
    other.session.post(f"{base}/workforces", json={"workforce_name": "kept"}, timeout=10)
    team.api.session.post(f"{emu.url}/_emulator/reset?project_id=project", timeout=10)
    assert team.call("GET", "/workforces")["total_number"] == 0
    assert other.session.get(f"{base}/workforces", timeout=10).json()["total_number"] == 1
    team.api.session.post(f"{emu.url}/_emulator/reset", timeout=10)
    assert other.session.get(f"{base}/workforces", timeout=10).json()["total_number"] == 0
    other.session.close()


def test_snapshot_restores_teams_and_tasks(team: Team, emu: Emulator) -> None:
    team.create()
    team.label(*team.samples())
    before = (team.call("GET", "/workforces"), team.details(), team.samples())
    control = Control(emu.url)
    control.call("PUT", "snapshots/kept")
    team.call("DELETE", team.task, 204)
    team.call("DELETE", f"/workforces/{team.team_id}", 204)
    control.call("POST", "snapshots/kept")
    after = (team.call("GET", "/workforces"), team.details(), team.samples())
    assert [str(each).partition("source")[0] for each in after] == [str(each).partition("source")[0] for each in before]
