"""What the way of an episode means for messages: holds, and a death."""

from datetime import date

from contracts.progress import (
    EpisodeHeld,
    EpisodeResumed,
    PatientDied,
)
from services.notify import domain
from tests.notify.people import (
    COMMON,
    MORNING,
    NIGHT,
    agreed,
    alert,
    discharged,
    fold,
    missed,
    moment,
    outcome,
    queued,
    reachable,
    woken,
)

DIED = PatientDied(**COMMON, reported_on=date(2026, 10, 5))


def test_a_death_takes_back_whatever_waits_at_that_instant() -> None:
    person = fold(reachable(), domain.week_agreed(reachable(), agreed(), moment(NIGHT)))
    person = fold(
        person, domain.session_missed(person, missed(consecutive_missed=3), moment(NIGHT, "missed"))
    )

    facts = domain.patient_died(person, DIED, moment(NIGHT, "end"))
    person = fold(person, facts)

    assert queued(facts) == []
    assert {at for _, at in woken(facts)} == {NIGHT}
    assert outcome(person, NIGHT) == ["not deceased"] * 3
    assert queued(domain.safety_alert_raised(person, alert(), moment())) == []
    assert domain.patient_discharged(person, discharged(), moment(cause="discharge")) == []
    assert domain.patient_died(person, DIED, moment(cause="again")) == []


def test_a_death_after_the_discharge_takes_back_the_closing_message() -> None:
    person = fold(reachable(), domain.patient_discharged(reachable(), discharged(), moment(NIGHT)))
    person = fold(person, domain.patient_died(person, DIED, moment(NIGHT, "died")))

    assert outcome(person, MORNING) == ["not deceased"]


def held(reason: str) -> EpisodeHeld:
    return EpisodeHeld(
        **COMMON, reason=reason, held_from=date(2026, 10, 5), expected_return_on=date(2026, 10, 15)
    )


def test_nothing_goes_to_a_person_who_went_back_to_detox_until_treatment_goes_on() -> None:
    person = fold(reachable(), domain.week_agreed(reachable(), agreed(), moment(NIGHT)))
    person = fold(person, domain.episode_held(person, held("detox"), moment(NIGHT, "held")))
    assert outcome(person, MORNING) == ["not on_hold"]
    assert domain.episode_held(person, held("detox"), moment(cause="again")) == []

    resumed = EpisodeResumed(**COMMON, resumed_on=date(2026, 10, 15))
    person = fold(person, domain.episode_resumed(person, resumed, moment(cause="back")))
    assert not person.away
    assert domain.episode_resumed(person, resumed, moment(cause="again")) == []


def test_who_travels_may_be_written_to() -> None:
    assert domain.episode_held(reachable(), held("travel"), moment()) == []
