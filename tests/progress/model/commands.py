"""The commands of progress for the actions of the model: the one place that knows both names."""

from collections.abc import Callable
from datetime import date
from typing import Any

from contracts.vocabulary import DischargeReason, GoalCategory
from services.progress import domain
from tests.progress.model.care import WAYS, Care
from tests.progress.model.heard import LEVELS
from tests.progress.model.person import midnight

GOALS = {
    "sober": domain.WantedGoal(GoalCategory.SOBRIETY, "boolean", "ge", 1, 0, required_for_step_down=True),
    "phq": domain.WantedGoal(
        GoalCategory.MENTAL_HEALTH, "instrument", "<=", 9, 7, instrument="phq9", required_for_step_down=True
    ),
    "optional": domain.WantedGoal(GoalCategory.RELAPSE_PREVENTION, "boolean", "ge", 1, 0),
}


def _plan(_care: Care, goals: tuple[str, ...], patient: bool, clinician: bool) -> Any:
    return domain.ApprovePlan(tuple(GOALS[g] for g in goals), patient, clinician, signed_by_physician=True)


def _attest(care: Care, place: int) -> Any:
    return domain.AttestGoal(care.state.goals[place].goal.goal_id)


def _measure(_care: Care, total: int, item_9: int) -> Any:
    return domain.RecordMeasure("phq9", _answers(total, item_9))


def _late_measure(care: Care, total: int, item_9: int) -> Any:
    return domain.RecordMeasure("phq9", _answers(total, item_9), midnight(care.state.discharged_on))


def _answers(total: int, item_9: int) -> tuple[int, ...]:
    answers, left = [], total - item_9
    for _ in range(8):
        answers.append(min(3, left))
        left -= answers[-1]
    return (*answers, item_9)


def _use(_care: Care, on: date, classification: str) -> Any:
    return domain.ReportSubstanceUse("self", on, classification)


def _tested(_care: Care, on: date, classification: str) -> Any:
    return domain.ReportSubstanceUse("tox_screen", on, classification)


def _unused(care: Care, number: int) -> Any:
    return domain.WithdrawUseReport(care.reports[number], "false_positive")


def _acknowledge(care: Care, number: int) -> Any:
    return domain.AcknowledgeAlert(care.alarms[number])


def _resolve(care: Care, number: int) -> Any:
    return domain.ResolveAlert(care.alarms[number])


def _outreach(_care: Care, channel: str, reached: bool) -> Any:
    return domain.LogOutreach(channel, reached)


def _advise(_care: Care, way: str, kind: str, level: str, minutes: int, until: date | None = None) -> Any:
    return domain.RecommendStep(WAYS[way], domain.Kind(kind), minutes, LEVELS[level], until)


def _review(care: Care, number: int) -> Any:
    return domain.OpenReview(care.advice[number])


def _respond(_care: Care, actions: tuple[str, ...], added: int, back: date | None) -> Any:
    return domain.RespondToRelapse(actions, added_weekly_minutes=added, expected_return_on=back)


def _approve(care: Care, number: int, effective: date, agreed: bool) -> Any:
    return domain.ApproveRecommendation(care.advice[number], effective, agreed)


def _decline(care: Care, number: int) -> Any:
    return domain.DeclineRecommendation(care.advice[number], "not_ready")


def _hold(_care: Care, until: date, since: date | None) -> Any:
    return domain.HoldEpisode(domain.HoldReason.TRAVEL, until, since)


def _resume(_care: Care) -> Any:
    return domain.ResumeEpisode()


def _reassess(_care: Care, depth: str, assessor: bool, on: date) -> Any:
    return domain.Reassess(domain.Depth(depth), LEVELS["2.1"], "LCSW" if assessor else "BA", on)


def _certify(_care: Care, physician: bool, on: date) -> Any:
    return domain.RecordCertification("dr-1", "MD" if physician else "LCSW", on)


def _request(_care: Care, days: int, reasons: bool, late: bool) -> Any:
    why = ("relapse",) if reasons else ()
    return domain.RequestExtension(why, days, late, "overlooked" if late else None)


def _decide(_care: Care, approve: bool, reason: bool) -> Any:
    return domain.DecideExtension(approve, "clinical_need" if reason else None)


def _refer(_care: Care, follow_up_on: date) -> Any:
    return domain.MakeCommunityReferral("housing", follow_up_on)


def _close_loop(care: Care, number: int) -> Any:
    return domain.CloseLoop(care.outward[number], "connected")


def _death(_care: Care, on: date | None) -> Any:
    return domain.RecordDeath(on)


def _aftercare(_care: Care, meeting: date | None, prevention: bool, override: bool) -> Any:
    return domain.PlanAftercare(meeting, ("alumni",), prevention, "moving" if override else None)


def _check_in(_care: Care, reached: bool, status: str) -> Any:
    return domain.RecordCheckIn(reached, status)


def _alumni(_care: Care, consented: bool) -> Any:
    return domain.EnrolAlumni(consented)


def _discharge(_care: Care, reason: str, papers: frozenset[str]) -> Any:
    basis = "emergency" if "emergency" in papers else "consent" if "consent" in papers else None
    return domain.DischargePatient(
        DischargeReason(reason),
        risks_discussed="risks_discussed" in papers,
        signed=False if "signature" in papers else None,
        aftercare_offered="aftercare_offered" in papers,
        receiving_program="County PHP" if "receiving_program" in papers else None,
        receiving_accepted="receiving_accepted" in papers,
        handoff_basis=basis,
        written_notice="written_notice" in papers,
        stay_in_touch="stay_in_touch" in papers,
    )


COMMANDS: dict[str, Callable[..., Any]] = {
    "plan": _plan,
    "attest": _attest,
    "measure": _measure,
    "late_measure": _late_measure,
    "use": _use,
    "tested": _tested,
    "unused": _unused,
    "acknowledge": _acknowledge,
    "resolve": _resolve,
    "outreach": _outreach,
    "advise": _advise,
    "review": _review,
    "respond": _respond,
    "approve": _approve,
    "decline": _decline,
    "hold": _hold,
    "resume": _resume,
    "reassess": _reassess,
    "certify": _certify,
    "request": _request,
    "decide": _decide,
    "refer": _refer,
    "close_loop": _close_loop,
    "death": _death,
    "aftercare": _aftercare,
    "check_in": _check_in,
    "alumni": _alumni,
    "discharge": _discharge,
}
