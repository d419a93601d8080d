"""What became of people: every figure with what it is a share of."""

from datetime import date
from typing import Any

from contracts.progress import MeasureRecorded, PatientDischarged
from contracts.rulebook import rulebook
from contracts.vocabulary import DischargeReason, LevelOfCare
from services.progress.domain.outcomes import Change, Happened, Left, Share, Stay, outcomes
from tests.progress.story import ADMITTED_ON, Story, local


def left(reason: DischargeReason, days: int = 30, met: int = 0, goals: int = 0, **more: Any) -> Left:
    discharged = PatientDischarged(
        **Story().common(),
        reason=reason,
        teds_reason=rulebook().teds[reason],
        discharged_on=date(2026, 6, 1),
        admitted_on=ADMITTED_ON,
        los_days=days,
        level_at_discharge=LevelOfCare(code="1"),
        goals_total=goals,
        goals_met=met,
    )
    return Left(**{"site_id": "albany", "program_id": "day", "discharged": discharged, **more})


def measure(instrument: str, change: int | None, reliable: str = "none") -> MeasureRecorded:
    return MeasureRecorded(
        **Story().common(),
        instrument=instrument,
        version="1",
        total=5,
        band="mild",
        administered_at=local(ADMITTED_ON, "12:00"),
        change=change,
        reliable_change=reliable,
    )


COMPLETED, AWAY, NEVER = (
    DischargeReason.COMPLETED_GOALS,
    DischargeReason.DROPPED_OUT_NO_CONTACT,
    DischargeReason.NEVER_ATTENDED,
)


def test_who_never_attended_is_counted_apart() -> None:
    (found,) = outcomes([left(COMPLETED, 86), left(AWAY, 14), left(AWAY, 20), left(NEVER, 1)])

    assert found.never_attended == Share(1, 4, 250)
    assert found.completed == Share(1, 3, 333)
    assert found.reasons == {"completed": Share(1, 3, 333), "dropped_out": Share(2, 3, 666)}
    assert found.stay_days == Stay(3, 200, 400)


def test_a_median_between_two_and_a_mean_are_told_in_tenths() -> None:
    (found,) = outcomes([left(COMPLETED, 10), left(COMPLETED, 13)])

    assert found.stay_days == Stay(2, 115, 115)


def test_minutes_and_goals_are_sums_over_sums() -> None:
    (found,) = outcomes(
        [
            left(COMPLETED, met=4, goals=4, creditable_minutes=700, scheduled_minutes=720),
            left(AWAY, met=0, goals=2, creditable_minutes=20, scheduled_minutes=720),
        ]
    )

    assert found.attended_minutes == Share(720, 1440, 500)
    assert found.goals_met == Share(4, 6, 666)


def test_a_change_needs_a_start_to_change_from() -> None:
    (found,) = outcomes(
        [
            left(COMPLETED, last_measures=(measure("phq9", -8, "improved"), measure("gad7", None))),
            left(AWAY, last_measures=(measure("phq9", 5, "deteriorated"),)),
            left(AWAY, last_measures=(measure("phq9", -1),)),
        ]
    )

    assert found.measures == (Change("phq9", 3, -13, Share(1, 3, 333), Share(1, 3, 333)),)


def test_what_happened_is_counted_by_times_and_by_people() -> None:
    (found,) = outcomes([left(COMPLETED, step_downs=2, extensions=1), left(AWAY, step_ups=1)])

    assert found.step_downs == Happened(2, Share(1, 2, 500))
    assert found.step_ups == Happened(1, Share(1, 2, 500))
    assert found.extensions == Happened(1, Share(1, 2, 500))


def test_each_site_and_program_has_its_own_figures() -> None:
    people = [left(COMPLETED, site_id=s, program_id=p) for s, p in (("b", "x"), ("a", "y"), ("a", "x"))]

    assert [(o.site_id, o.program_id) for o in outcomes(people)] == [("a", "x"), ("a", "y"), ("b", "x")]


def test_of_nobody_there_are_no_figures() -> None:
    assert outcomes([]) == []
    (found,) = outcomes([left(NEVER)])

    assert found.completed == Share(0, 0, None)
    assert found.stay_days == Stay(0, None, None)
    assert found.measures == ()
