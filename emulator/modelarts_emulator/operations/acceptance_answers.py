"""Describe the acceptance of a team labelling task as the API answers with it."""

from __future__ import annotations

from modelarts_emulator.contract.team_tasks import CheckTaskStats, WorkforceSamplingTaskDesc
from modelarts_emulator.service.team_acceptance import AcceptanceReport
from modelarts_emulator.teamwork.judgement import letter


def describe_acceptance(report: AcceptanceReport) -> WorkforceSamplingTaskDesc:
    """Return the running or latest acceptance of a task."""
    stats = acceptance_stats(report)
    return WorkforceSamplingTaskDesc(
        checking_task_id=report.acceptance.id,
        action=report.acceptance.action,  # type: ignore[arg-type]
        overwrite_last_result=report.acceptance.overwrite,
        checking_stats=stats if report.is_running else None,
        total_stats=stats,
    )


def acceptance_stats(report: AcceptanceReport) -> CheckTaskStats:
    """Return the progress of an acceptance."""
    acceptance, judged = report.acceptance, report.accepted + report.rejected
    return CheckTaskStats(
        task_id=acceptance.id,
        sampling_rate=acceptance.sampling_rate,
        sampling_num=acceptance.sampling_num,
        pass_rate=report.accepted / judged if judged else 0.0,
        score=letter(report.points, judged),
        total_score=report.points,
        total_sample_count=acceptance.total,
        sampled_sample_count=report.drawn,
        unchecked_sample_count=report.drawn - judged,
        checked_sample_count=judged,
        accepted_sample_count=report.accepted,
        rejected_sample_count=report.rejected,
    )
