"""The stream alone gives the episodes again: state, journal and what they wait for."""

import json
from collections.abc import Callable
from datetime import date
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.decisions import Refused
from contracts.event import Event, PatientEvent
from contracts.intake import PatientAdmitted
from contracts.progress import EpisodeStarted, OutreachAttempted
from contracts.scheduling import SessionAttended, SessionMissed, WeeklyScheduleAgreed
from contracts.vocabulary import DischargeReason
from services.chassis import codec
from services.chassis.replay import CannotReplay, Carried, only_aggregate
from services.progress import domain
from services.progress.app import service
from tests.progress.story import PHQ_DOWN, SOBER
from tests.progress.streamed import Streamed, deciding, retold
from tests.progress.test_plan_properties import ACTIONS as OF_PLANS
from tests.progress.test_properties import ACTIONS, ENDS, Action


def lived(actions: list[Action]) -> Streamed:
    story = Streamed().admitted(720)
    assert isinstance(story, Streamed)
    story.agreed()
    story.attended()
    for act in actions:
        try:
            act(story)
        except Refused:
            continue
    story.catch_up()
    return story


def same(story: Streamed) -> None:
    """Row by row: state, version, said, every fact of the journal, and what is waited for."""
    found = retold(story.stream, story.now)

    assert found.row.state == story.state
    assert found.row.version == len(story.journal)
    assert found.row.said == sum(isinstance(f, Event) for f in story.journal)
    facts = [(j[2], j[3], json.loads(j[4]), j[5], j[6]) for j in found.unit.journal]
    assert facts == [
        (version, _name(fact), json.loads(_text(fact)), cause, at)
        for fact, (version, cause, at) in zip(story.journal, story.kept, strict=True)
    ]
    asked = {what: at for (_, _, what), (at, _) in found.unit.wakes.items() if at}
    # What is due at this very instant rings before anything else happens.
    coming = {what: at for what, at in story.wakes.items() if at > story.now}
    assert {what: at for what, at in asked.items() if at > story.now} == coming
    # A wake that rang and changed nothing rings once more, for nothing.
    before = story.state
    for what, at in asked.items():
        if at <= story.now:
            assert story.woke(what) == []
    assert story.state == before


def _name(fact: Any) -> str:
    return fact.type() if isinstance(fact, Event) else type(fact).__name__


def _text(fact: Any) -> str:
    return fact.model_dump_json(exclude_none=True) if isinstance(fact, Event) else codec.dump(fact)


def lag(story: Any) -> None:
    story.lagging = True


TIMING: st.SearchStrategy[Action] = st.sampled_from([lag, lambda s: s.catch_up()])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(ACTIONS, OF_PLANS, TIMING), max_size=40), ENDS)
def test_whatever_happened_the_stream_alone_gives_it_again(actions: list[Action], end: Action) -> None:
    """Also where the service read late what others had said: events lie before what was done without them."""
    same(lived([*actions, end]))


def stepped_down() -> Streamed:
    """Goals, weeks, a measure, a step down, aftercare: facts kept and events said, mixed in many units."""
    story = Streamed().admitted(720)
    assert isinstance(story, Streamed)
    story.agreed()
    story.on("2026-01-13", "12:00").attended()
    story.plan(SOBER, PHQ_DOWN)
    story.missed("2026-01-14", 1)
    story.phq9(*[0] * 8 + [1])
    story.settle(story.state.alerts[0].id)
    story.week("2026-01-19", 720)
    story.attest()
    story.week("2026-01-26", 720)
    story.on("2026-02-03")
    assert story.state.step_down
    story.approve(story.state.step_down)
    story.rescheduled(540, 2)
    story.missed("2026-02-04", 2)
    story.do(domain.LogOutreach("voice", reached=True))
    story.on("2026-02-20").phq9(*[0] * 9)
    story.week("2026-01-12", 180, short=True)
    story.do(domain.PlanAftercare(date(2026, 2, 20), (), True, override_reason="moving"))
    story.on("2026-03-20")
    story.do(domain.DischargePatient(DischargeReason.MOVED))
    return story


def test_a_whole_way_is_given_again() -> None:
    story = stepped_down()

    assert {type(f).__name__ for f in story.journal} >= {
        "StepDownApproved",
        "CheckInMissed",
        "WeekNoted",
        "MissNoted",
        "PatientDischarged",
    }
    same(story)


def _numbered(stream: list[Carried]) -> list[Carried]:
    """The same messages as a stream that never held the others."""
    return [Carried(seq, c.subject, c.headers, c.body) for seq, c in enumerate(stream, 1)]


def test_a_stream_that_lacks_any_one_event_is_refused_by_the_aggregate_and_version() -> None:
    story = stepped_down()
    for number in range(len(story.stream) - 1):
        rest = _numbered([*story.stream[:number], *story.stream[number + 1 :]])

        with pytest.raises(CannotReplay, match=r"episodes ep-1 .* version \d+"):
            retold(rest, story.now)


def test_a_stream_out_of_its_order_is_refused() -> None:
    story = stepped_down()
    for number in range(len(story.stream) - 1):
        one, other = story.stream[number : number + 2]
        swapped = [*story.stream[:number], other, one, *story.stream[number + 2 :]]

        with pytest.raises(CannotReplay, match="not in its order"):
            retold(swapped, story.now)


def own(story: Streamed) -> list[int]:
    return [n for n, c in enumerate(story.stream) if "ce-aggregateversion" in c.headers]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda h: h.pop("ce-aggregateversion"), "before events told their version"),
        (lambda h: h.update({"ce-aggregateversion": "7"}), "not in the stream"),
        (lambda h: h.update({"ce-causationid": "else"}), "its id does not follow"),
        (lambda h: h.update({"ce-type": "progress.unheard_of.v1"}), "does not know"),
        (lambda h: h.update({"ce-sequence": "000000000009"}), "of its story is not in the stream"),
    ],
)
def test_an_event_that_was_tampered_with_is_noticed(change: Callable[[Any], Any], why: str) -> None:
    story = Streamed().admitted()
    assert isinstance(story, Streamed)
    story.plan()
    number = own(story)[-1]
    headers = dict(story.stream[number].headers)
    change(headers)
    carried = story.stream[number]
    story.stream[number] = Carried(carried.seq, carried.subject, headers, carried.body)

    with pytest.raises(CannotReplay, match=why):
        retold(story.stream, story.now)


def _as_today(kind: type[Event]) -> Any:
    return service.hears[kind].decide


def test_code_that_no_longer_says_what_was_said_is_noticed() -> None:
    """Whatever a heard event led to must follow from it again."""
    story = stepped_down()

    def quiet(state: Any, event: Any, moment: Any) -> list[Any]:
        facts = _as_today(PatientAdmitted)(state, event, moment)
        return [f for f in facts if not isinstance(f, EpisodeStarted)]

    with pytest.raises(CannotReplay, match="what it heard does not lead to it"):
        retold(story.stream, story.now, deciding(PatientAdmitted, quiet))


def test_code_that_says_something_else_than_was_said_is_noticed() -> None:
    story = stepped_down()

    def other(state: Any, event: Any, moment: Any) -> list[Any]:
        facts = _as_today(PatientAdmitted)(state, event, moment)
        change = {"weekly_minutes": 700}
        return [f.model_copy(update=change) if isinstance(f, EpisodeStarted) else f for f in facts]

    with pytest.raises(CannotReplay, match="or to another content"):
        retold(story.stream, story.now, deciding(PatientAdmitted, other))


def test_code_that_keeps_more_than_was_kept_is_noticed_where_it_begins() -> None:
    story = Streamed().admitted()
    assert isinstance(story, Streamed)
    story.missed("2026-01-14", 1)
    story.plan()
    twice = deciding(SessionMissed, lambda *a: _as_today(SessionMissed)(*a) * 2)

    with pytest.raises(CannotReplay, match=r"version 4 .*led to more than was recorded"):
        retold(story.stream, story.now, twice)


def test_what_was_heard_later_does_not_stand_in_for_what_is_missing() -> None:
    story = Streamed().admitted()
    assert isinstance(story, Streamed)
    story.plan()
    story.missed("2026-01-14", 1)
    story.do(domain.LogOutreach("voice", reached=False))
    story.missed("2026-01-15", 2)
    missing = next(n for n, c in enumerate(story.stream) if "session_missed" in c.subject)

    with pytest.raises(CannotReplay, match="what led to it is not in the stream"):
        retold(_numbered([*story.stream[:missing], *story.stream[missing + 1 :]]), story.now)


def test_what_only_says_something_is_decided_once() -> None:
    """An event that follows from a heard one, with nothing kept beside it, is not taken for a command's."""

    def call(state: Any, event: Any, moment: Any) -> list[Any]:
        about = {f: getattr(event, f) for f in PatientEvent.model_fields if f != "actor"}
        return [
            OutreachAttempted(
                **about,
                actor=moment.actor,
                channel="voice",
                attempts=len(state.contacts) + 1,
                reached=False,
                attempted_on=event.local_date,
            )
        ]

    calling = deciding(SessionMissed, call)
    story = Streamed(calling).admitted()
    assert isinstance(story, Streamed)
    story.missed("2026-01-14", 1)
    story.missed("2026-01-15", 2)
    found = retold(story.stream, story.now, calling)

    assert found.row.state == story.state
    assert found.row.version == len(story.journal)


def test_what_the_rules_cannot_take_is_left_with_all_behind_it() -> None:
    story = Streamed().admitted()
    assert isinstance(story, Streamed)
    story.plan()
    before, story.lagging = story.state, True
    story.agreed()
    story.missed("2026-01-15", 2)
    found = retold(story.stream, story.now, deciding(WeeklyScheduleAgreed, _break))

    assert found.row.state == before
    assert [why for _, why, _ in found.left] == ["rule_failed", "behind_a_parked_message"]


def test_what_was_dropped_because_the_rules_could_not_take_it_is_passed_over() -> None:
    """A later command stands on what was taken after it."""
    broken = deciding(SessionAttended, _break)
    story = Streamed(broken).admitted()
    assert isinstance(story, Streamed)
    with pytest.raises(RuntimeError):
        story.attended("2026-01-13")
    story.missed("2026-01-14", 1)
    story.do(domain.LogOutreach("voice", reached=False))
    found = retold(story.stream, story.now, broken)

    assert found.row.state == story.state
    assert found.left == ()


def _break(*_: Any) -> list[Any]:
    raise RuntimeError


@pytest.mark.parametrize("name", ["intake", "scheduling", "notify"])
def test_a_service_that_is_more_than_decisions_on_one_aggregate_is_refused(name: str) -> None:
    other = import_module(f"services.{name}.app").service

    with pytest.raises(CannotReplay, match=rf"^{name} reacts with more than pure decisions on one aggregate"):
        only_aggregate(other)


@pytest.mark.parametrize("then_another", [False, True])
def test_what_another_network_said_of_a_person_is_left_and_nothing_with_it(then_another: bool) -> None:
    story = lived([])
    (week,) = [c for c in story.stream if c.subject.endswith("weekly_schedule_agreed.v1")]
    other = json.dumps({**json.loads(week.body), "network_id": "south", "version": 9}).encode()
    headers = {**week.headers, "ce-id": "foreign"}
    story.stream.append(
        Carried(story.stream[-1].seq + 1, week.subject.replace("north", "south"), headers, other)
    )
    if then_another:
        story.missed("2026-01-14", 1)
        story.plan()

    found = retold(story.stream, story.now)

    assert found.row.state == story.state
    assert [(m.id, reason) for m, reason, _ in found.left] == [("foreign", "foreign_network")]
