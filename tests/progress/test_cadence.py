"""When instruments are asked for, reminded of and missed: one request at a time."""

from datetime import date, timedelta
from typing import Any

import pytest

from contracts.intake import InstrumentResult
from contracts.progress import MeasuresDue, MeasuresMissed, ScreeningDue
from contracts.rulebook import rulebook
from contracts.vocabulary import DischargeReason, ProgramKind
from services.progress import domain
from services.progress.domain.hold import HoldReason
from tests.progress.story import ADMITTED_ON, IOP, Story, attending, in_aftercare, local, recommended

FIRST = date(2026, 1, 20)
"""A week after the first session."""
ALL = ("bam", "gad7", "phq9")


def asked(story: Story) -> list[tuple[Any, ...]]:
    return [(d.instruments, d.due_on, d.reminder) for d in story.said(MeasuresDue)]


def test_all_that_is_due_is_asked_for_at_once_a_week_after_the_first_session() -> None:
    story = attending().on(FIRST - timedelta(days=1), "23:59")
    assert asked(story) == []

    story.on(FIRST, "00:00")
    (due,) = story.said(MeasuresDue)
    assert (due.instruments, due.due_on, due.reminder) == (ALL, FIRST, 0)
    assert due.expires_on == FIRST + timedelta(days=4)


def test_before_the_first_session_nothing_is_asked_for() -> None:
    story = Story().admitted()
    story.agreed()
    story.on("2026-02-20")

    assert asked(story) == []
    assert story.woke("measures") == []


def test_it_is_reminded_of_after_two_days_and_missed_after_four() -> None:
    story = attending().on(FIRST + timedelta(days=1), "23:59")
    assert len(asked(story)) == 1
    story.on(FIRST + timedelta(days=2), "00:00")
    assert asked(story)[1:] == [(ALL, FIRST, 1)]

    story.on(FIRST + timedelta(days=3), "23:59")
    assert story.said(MeasuresMissed) == []
    story.on(FIRST + timedelta(days=4), "00:00")
    (missed,) = story.said(MeasuresMissed)
    assert (missed.instruments, missed.due_on) == (ALL, FIRST)
    assert len(asked(story)) == 2
    assert story.state.request is None


def test_what_expires_before_the_next_reminder_is_missed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    measures = rulebook().measures.model_copy(update={"reminder_days": 3})
    rules = rulebook().model_copy(update={"measures": measures})
    monkeypatch.setattr("tests.progress.story.rulebook", lambda: rules)
    story = attending().on(FIRST + timedelta(days=4), "00:00")

    assert [(reminder, due_on) for _, due_on, reminder in asked(story)] == [(0, FIRST), (1, FIRST)]
    assert len(story.said(MeasuresMissed)) == 1


def test_what_was_missed_is_asked_for_again_a_week_after_it_was_due() -> None:
    story = attending().on("2026-02-17", "00:00")

    firsts = [due_on for _, due_on, reminder in asked(story) if not reminder]
    assert firsts == [FIRST + timedelta(days=7 * n) for n in range(5)]
    assert len(story.said(MeasuresMissed)) == 4


def test_a_result_takes_its_instrument_out_of_the_request() -> None:
    story = attending().on(FIRST, "09:00")
    story.phq9_total(10)
    assert story.state.request.instruments == ("bam", "gad7")
    story.bam(0)
    story.do(domain.RecordMeasure("gad7", (1,) * 7))
    assert story.state.request is None
    assert story.wakes["measures"] == local(FIRST + timedelta(days=7), "00:00")

    story.on(FIRST + timedelta(days=6))
    assert len(asked(story)) == 1
    assert story.said(MeasuresMissed) == []


def test_only_what_is_left_is_reminded_of_and_missed() -> None:
    story = attending().on(FIRST, "09:00")
    story.phq9_total(10)
    story.on(FIRST + timedelta(days=4))

    assert asked(story)[1:] == [(("bam", "gad7"), FIRST, 1)]
    assert story.last(MeasuresMissed).instruments == ("bam", "gad7")


def test_one_request_at_a_time() -> None:
    story = attending().on(FIRST - timedelta(days=5))
    story.phq9_total(10)
    story.on(FIRST, "00:00")
    assert asked(story) == [(("bam", "gad7"), FIRST, 0)]

    story.on(FIRST + timedelta(days=3))
    assert all(reminder or due_on == FIRST for _, due_on, reminder in asked(story))
    story.on(FIRST + timedelta(days=4), "00:00")
    assert asked(story)[-1] == (("phq9",), FIRST + timedelta(days=4), 0)


def test_an_old_form_entered_late_answers_no_request() -> None:
    story = attending().on(FIRST - timedelta(days=3))
    story.phq9_total(10)
    story.on(FIRST + timedelta(days=4), "09:00")
    assert "phq9" in story.state.request.instruments
    story.phq9_total(11, administered_at=local(ADMITTED_ON + timedelta(days=1), "10:00"))

    assert "phq9" in story.state.request.instruments


def test_what_is_asked_for_depends_on_the_program_and_on_where_the_person_began() -> None:
    found = InstrumentResult(instrument="pcl5", version="1", total=40)
    people = {
        ProgramKind.SUD: ((found,), {"bam", "gad7", "phq9"}),
        ProgramKind.MENTAL_HEALTH: ((found,), {"gad7", "pcl5", "phq9"}),
        ProgramKind.CO_OCCURRING: ((), {"bam", "gad7", "phq9"}),
    }
    for kind, (baseline, wanted) in people.items():
        story = Story(program=kind).admitted(baseline=baseline)
        story.agreed()
        story.on(ADMITTED_ON).attended()
        story.on(ADMITTED_ON + timedelta(days=36))
        assert {name for names, _, _ in asked(story) for name in names} == wanted


def test_pcl_5_is_asked_for_every_thirty_days() -> None:
    found = InstrumentResult(instrument="pcl5", version="1", total=40)
    story = Story(program=ProgramKind.MENTAL_HEALTH).admitted(baseline=(found,))
    story.agreed()
    story.on(ADMITTED_ON).attended()
    day = FIRST
    while day < ADMITTED_ON + timedelta(days=60):
        story.on(day, "12:00")
        for name in story.state.request.instruments if story.state.request else ():
            count = {"phq9": 9, "gad7": 7, "pcl5": 20}[name]
            story.do(domain.RecordMeasure(name, (0,) * count))
        day += timedelta(days=1)

    due = [due_on for names, due_on, _ in asked(story) if "pcl5" in names]
    assert due == [ADMITTED_ON + timedelta(days=30)]
    assert story.said(MeasuresMissed) == []


def test_the_week_of_the_change_of_clocks_has_seven_days_too() -> None:
    story = attending().on("2026-03-02", "09:00")
    story.phq9_total(10)
    story.bam(0)
    story.do(domain.RecordMeasure("gad7", (1,) * 7))

    assert story.wakes["measures"] == local(date(2026, 3, 9), "00:00")


def test_a_wake_that_comes_late_gives_the_whole_time_to_answer() -> None:
    story = attending()
    del story.wakes["measures"]
    story.now = local(FIRST + timedelta(days=3), "15:00")
    story.woke("measures")

    due = story.last(MeasuresDue)
    assert (due.due_on, due.expires_on) == (FIRST + timedelta(days=3), FIRST + timedelta(days=7))


def test_after_a_hold_what_is_due_is_asked_for_anew_and_was_not_missed() -> None:
    story = attending().on(FIRST, "09:00")
    story.do(domain.HoldEpisode(HoldReason.TRAVEL, FIRST + timedelta(days=6)))
    back = FIRST + timedelta(days=6)
    story.on(back, "09:00")
    assert asked(story) == [(ALL, FIRST, 0)]

    story.do(domain.ResumeEpisode())
    story.up_to(story.now)
    assert asked(story)[1:] == [(ALL, back, 0)]
    assert story.said(MeasuresMissed) == []


def test_while_treatment_rests_nothing_is_asked_for() -> None:
    story = attending()
    story.do(domain.HoldEpisode(HoldReason.TRAVEL, FIRST + timedelta(days=3)))
    story.on(FIRST)
    story.woke("measures")
    assert asked(story) == []

    story.do(domain.ResumeEpisode())
    story.up_to(story.now)
    assert asked(story) == [(ALL, FIRST, 0)]


@pytest.mark.parametrize(("since", "told"), [(0, []), (1, [0]), (2, [0]), (3, [0, 1])])
def test_until_an_agreed_hold_begins_what_is_due_is_asked_for(since: int, told: list[int]) -> None:
    story = attending()
    first = FIRST + timedelta(days=since)
    story.do(domain.HoldEpisode(HoldReason.TRAVEL, first + timedelta(days=9), first))
    story.on(first + timedelta(days=9))

    assert [reminder for _, _, reminder in asked(story)] == told
    assert story.said(MeasuresMissed) == []


def test_after_treatment_nothing_is_asked_for() -> None:
    story = in_aftercare(recommended())
    before = asked(story)
    assert "measures" not in story.wakes

    story.on("2026-03-20")
    assert asked(story) == before


class TestScreener:
    """Staff ask about suicide on an answer that speaks of death, and after more than a week away."""

    DUE = date(2026, 1, 21)

    def back(self, day: date | str = DUE, story: Story | None = None) -> Story:
        """Was there on the thirteenth of January, and is there again."""
        story = (story or attending()).on(day)
        story.attended()
        return story

    @pytest.mark.parametrize(("day", "due"), [("2026-01-20", False), ("2026-01-21", True)])
    def test_who_was_away_for_more_than_a_week(self, day: str, due: bool) -> None:
        told = self.back(day).said(ScreeningDue)

        assert [(d.instrument, d.because, str(d.due_on)) for d in told] == [("cssrs", "absence", day)] * due

    def test_it_stands_until_it_was_done_on_that_day_or_later(self) -> None:
        story = self.back()
        story.cssrs(0, 0, None, None, None, 0, administered_at=local(date(2026, 1, 20), "12:00"))
        assert story.state.screening is not None

        story.cssrs(0, 0, None, None, None, 0)
        assert story.state.screening is None
        assert self.back("2026-01-30", story).last(ScreeningDue).due_on == date(2026, 1, 30)

    def test_it_is_asked_for_once(self) -> None:
        story = self.back()
        self.back("2026-01-31", story)
        story.phq9(0, 0, 0, 0, 0, 0, 0, 0, 1)

        assert len(story.said(ScreeningDue)) == 1

    @pytest.mark.parametrize("asked", ["cssrs", "assessor"])
    def test_whom_somebody_asked_meanwhile_is_not_asked_again(self, asked: str) -> None:
        story = attending().on("2026-01-20")
        if asked == "cssrs":
            story.cssrs(0, 0, None, None, None, 0)
        else:
            story.do(domain.Reassess(domain.Depth.SCREENING, IOP, "LCSW"))

        assert self.back(story=story).said(ScreeningDue) == []

    def test_an_assessor_who_asks_later_does_too(self) -> None:
        story = self.back()
        story.do(domain.Reassess(domain.Depth.SCREENING, IOP, "LCSW"))

        assert story.state.screening is None

    def test_an_answer_that_speaks_of_death(self) -> None:
        story = attending()
        story.phq9(0, 0, 0, 0, 0, 0, 0, 0, 1)

        (due,) = story.said(ScreeningDue)
        assert (due.because, due.due_on) == ("item_9", ADMITTED_ON)
        assert [n.kind for n in domain.needs(story.state, story.now, rulebook())][1] == "screening"

    def test_not_where_the_screener_was_taken_beside_it(self) -> None:
        story = attending()
        story.cssrs(0, 1, 0, 0, 0, 0)
        story.phq9(0, 0, 0, 0, 0, 0, 0, 0, 1)

        assert story.said(ScreeningDue) == []

    def test_a_session_that_is_told_late_or_twice_is_no_return(self) -> None:
        story = attending().on("2026-01-20")
        story.attended()
        story.on("2026-01-28").attended()
        story.on("2026-01-29").attended("2026-01-22")
        story.corrected("2026-01-28", attended=True, minutes=60)

        assert [str(d.due_on) for d in story.said(ScreeningDue)] == ["2026-01-28"]

    def test_after_the_end_nobody_is_asked(self) -> None:
        story = self.back()
        story.do(domain.DischargePatient(DischargeReason.MOVED))
        assert [n.kind for n in domain.needs(story.state, story.now, rulebook())] == []

        story.on("2026-03-01")
        story.phq9(0, 0, 0, 0, 0, 0, 0, 0, 1, administered_at=local(self.DUE, "13:00"))
        assert len(story.said(ScreeningDue)) == 1
