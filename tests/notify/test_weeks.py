"""A week at risk: the care team hears in time what can be done, and the patient hears nothing."""

from datetime import date
from typing import Any

import pytest

from contracts.scheduling import BoosterProposed, MoveProposed, WeekAtRisk, WeeklyScheduleChanged
from contracts.vocabulary import ServiceKind, Slot
from services.notify import domain
from services.notify.domain.person import MessageQueued
from services.notify.domain.templates import text_of
from tests.notify.people import COMMON, NEW_YORK, moment, queued, reachable

MONDAY = date(2026, 10, 5)


def at_risk(**figures: Any) -> WeekAtRisk:
    fields: dict[str, Any] = {"credited_minutes": 180, "booked_minutes": 180, "reachable_minutes": 540}
    fields |= {"level_min_minutes": 540, "lost": False, "cause": "no_show", "slack_minutes": 60}
    return WeekAtRisk(**COMMON, week_start=MONDAY, tz=NEW_YORK, **fields | figures)


@pytest.mark.parametrize(
    ("figures", "template", "coming", "floor"),
    [
        ({}, "week_at_risk", "360", False),
        ({"slack_minutes": 0}, "week_at_risk", "360", True),
        ({"lost": True, "reachable_minutes": 420}, "week_lost", "420", False),
    ],
)
def test_the_care_team_hears_what_a_week_can_still_come_to(
    figures: dict[str, Any], template: str, coming: str, floor: bool
) -> None:
    facts = domain.raise_task(reachable(), at_risk(**figures), moment())
    assert [t for t, _ in queued(facts)] == [template]
    (message,) = [f.message for f in facts if isinstance(f, MessageQueued)]
    sentence = text_of(message.template_id, message.words)
    assert f" {coming} of the 540 minutes" in sentence
    assert ("Any missed day of this calendar breaks the minimum." in sentence) is floor


def test_another_payer_is_no_news_of_other_times() -> None:
    slot = Slot(dow=1, start_local="09:00", end_local="12:00", service_kind=ServiceKind.GROUP, group_id="g")
    fields: dict[str, Any] = {"schedule_id": "s-1", "version": 2, "previous_version": 1, "tz": NEW_YORK}
    fields |= {"effective_from": MONDAY, "slots": (slot,), "planned_weekly_minutes": 540, "days_per_week": 1}
    told = [
        queued(
            domain.week_changed(
                reachable(), WeeklyScheduleChanged(**COMMON, **fields, reason=reason), moment()
            )
        )
        for reason in ("patient_request", "coverage")
    ]
    assert [len(t) for t in told] == [1, 0]


def test_who_could_make_room_and_whose_hard_day_comes_are_tasks_of_the_care_team() -> None:
    known: dict[str, Any] = {"episode_id": "ep-1", "patient_id": "pt-1", "part2": True}
    known |= {"network_id": "net", "site_id": "site", "actor": moment().actor}
    slot = Slot(dow=1, start_local="18:00", end_local="21:00", service_kind=ServiceKind.GROUP, group_id="g")
    move = MoveProposed(**known, move_id="m", from_slots=(), to_slots=(slot,), expires_at=moment().at)
    booster = BoosterProposed(**known, risk_date_id="r", on=MONDAY, options=())

    for facts, template in (
        (domain.raise_task(reachable(), move, moment()), "move_proposed"),
        (domain.raise_task(reachable(), booster, moment()), "booster_proposed"),
    ):
        assert [t for t, _ in queued(facts)] == [template]
        (message,) = [f.message for f in facts if isinstance(f, MessageQueued)]
        assert "{" not in text_of(message.template_id, message.words)
