"""The rules of the roll call as sentences: who counts as there, for how long, and what is said of it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.decisions import Moment, Refused, Wake
from contracts.scheduling import (
    AttendanceCorrected,
    SessionAttended,
    SessionCompleted,
    SessionMissed,
    TreatmentDayClosed,
)
from contracts.vocabulary import DevicePolicy, GroupKind, MissKind
from services.scheduling.domain import (
    arrivals,
    attendance,
    bookings,
    closing,
    folding,
    localtime,
    roll_call,
    sessions,
    telling,
)
from services.scheduling.domain.arrivals import CheckIn, CheckOut, Item
from services.scheduling.domain.bookings import By, CancelBooking, Seating
from services.scheduling.domain.calendar import Calendar
from services.scheduling.domain.groups import Group
from services.scheduling.domain.roll_call import CorrectAttendance, LateEntry, RollCall, Word
from services.scheduling.domain.sessions import Booked, CancelSession, Mark, Presence, Session
from tests.scheduling.test_domain import ACTOR, BREAKS, IOP, admitted, at, fold, meeting, only

DAY = "2026-01-22"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
HERE = Mark(Presence.PRESENT)
AWAY = Mark(Presence.NO_SHOW)
GROUP = Group("g-1", "n-1", "s-1", GroupKind.CBT, (IOP,), 12, (4,), "09:00", "12:00", (), "America/New_York")
SITES = ("s-1",)
PEOPLE = ("ann", "bob", "cyd")


def person(id: str) -> Calendar:
    return replace(admitted(), id=id)


def folded(session: Session, *facts: object) -> Session:
    for fact in facts:
        session = sessions.evolve(session, fact)
    return session


def called(session: Session, when: str, rest: Presence | None = None, **entries: Mark) -> Session:
    command = RollCall("n-1", SITES, entries, rest)
    return folded(session, *roll_call.call_roll(session, command, ROSTER, at(f"{DAY} {when}")))


def arrived(session: Session, when: str, id: str = "ann", *items: Item, locker: str | None = None) -> Session:
    command = CheckIn("n-1", SITES, id, items, locker)
    _, noted = arrivals.check_in(session, person(id), DevicePolicy.SURRENDER, command, at(f"{DAY} {when}"))
    return folded(session, noted)


def left(session: Session, when: str, id: str = "ann", *, returned: bool = True) -> Session:
    command = CheckOut("n-1", SITES, id, returned)
    _, noted = arrivals.check_out(session, person(id), command, at(f"{DAY} {when}"))
    return folded(session, noted)


def cancelled(session: Session, when: str, id: str = "ann", by: By = By.PATIENT, **more: Any) -> Session:
    _, noted = cancelling(session, when, id, by, **more)
    return folded(session, noted)


def cancelling(session: Session, when: str, id: str = "ann", by: By = By.PATIENT, **more: Any) -> Any:
    command = CancelBooking("n-1", SITES, id, by, **more)
    return bookings.cancel(session, person(id), Booked(id, LONG_AGO), command, at(when))


SESSION = meeting(DAY)
ROSTER = (
    Booked("ann", LONG_AGO),
    Booked("bob", LONG_AGO),
    Booked("newcomer", datetime(2026, 1, 22, 14, 10, tzinfo=UTC)),
)


class TestRollCall:
    def test_whoever_is_not_recorded_is_missing_after_the_grace(self) -> None:
        session = called(SESSION, "09:05", ann=HERE)
        assert roll_call.absences(session, ROSTER) == {"bob": MissKind.NO_SHOW}

    def test_an_excuse_is_said_as_what_it_is(self) -> None:
        session = called(SESSION, "08:40", Presence.PRESENT, bob=Mark(Presence.EXCUSED))
        assert roll_call.absences(session, ROSTER) == {"bob": MissKind.EXCUSED}
        assert roll_call.words(session, ROSTER)["newcomer"] == Mark(Presence.PRESENT, 0, 0)

    def test_the_rest_does_not_speak_for_the_missing_the_arrived_and_those_who_cancelled(self) -> None:
        missed = sessions.evolve(SESSION, sessions.AbsencesSaid({"bob": MissKind.NO_SHOW}))
        assert set(called(missed, "09:40", Presence.PRESENT).marks) == {"ann", "newcomer"}
        assert set(called(arrived(SESSION, "09:10"), "09:40", Presence.NO_SHOW).marks) == {"bob", "newcomer"}
        gone = cancelled(SESSION, f"{DAY} 08:50")
        assert set(called(gone, "09:40", Presence.PRESENT).marks) == {"bob", "newcomer"}

    @pytest.mark.parametrize("when", ["08:29", "12:00", "13:00"])
    def test_the_roll_is_called_in_its_time_only(self, when: str) -> None:
        with pytest.raises(Refused, match="until the end") as refused:
            called(SESSION, when, Presence.PRESENT)
        assert refused.value.code == "roll_call_closed"

    def test_strangers_are_refused(self) -> None:
        with pytest.raises(Refused) as refused:
            called(SESSION, "09:00", eve=HERE)
        assert refused.value.facts == {"episodes": ["eve"]}

    def test_what_was_recorded_can_be_taken_back_before_the_end(self) -> None:
        session = called(called(SESSION, "09:00", ann=HERE), "09:10", ann=Mark(Presence.UNMARKED))
        assert (session.marks, roll_call.word_on(session, "ann")) == ({}, MissKind.NO_SHOW)

    def test_taking_back_what_nobody_said_says_nothing(self) -> None:
        command = RollCall("n-1", SITES, {"ann": Mark(Presence.UNMARKED)})
        assert roll_call.call_roll(SESSION, command, ROSTER, at(f"{DAY} 09:00")) == []

    def test_an_absence_said_and_then_unmarked_is_still_answered_for_at_the_end(self) -> None:
        late = Booked("newcomer", datetime(2026, 1, 22, 14, 10, tzinfo=UTC))
        said = folded(called(SESSION, "09:20", newcomer=Mark(Presence.EXCUSED)))
        said = folded(said, sessions.AbsencesSaid({"newcomer": MissKind.EXCUSED}))
        undone = called(said, "09:40", newcomer=Mark(Presence.UNMARKED))
        assert roll_call.words(undone, [late]) == {"newcomer": MissKind.NO_SHOW}

    def test_the_goals_of_the_session_are_those_of_the_rest(self) -> None:
        command = RollCall(
            "n-1", SITES, {"bob": Mark(Presence.PRESENT, goals=("g-2",))}, Presence.PRESENT, ("g-1",)
        )
        session = folded(SESSION, *roll_call.call_roll(SESSION, command, ROSTER, at(f"{DAY} 09:00")))
        assert {k: m.goals for k, m in session.marks.items()} == {
            "ann": ("g-1",),
            "bob": ("g-2",),
            "newcomer": ("g-1",),
        }

    def test_the_count_at_the_end_has_everyone_once(self) -> None:
        facts = roll_call.complete(SESSION, {"ann": HERE, "bob": MissKind.NO_SHOW})
        event = only(SessionCompleted, facts)
        assert (event.present, event.absent, event.ran) == (1, 1, True)

    def test_nobody_is_present_for_no_time(self) -> None:
        with pytest.raises(Refused) as refused:
            called(SESSION, "09:00", ann=Mark(Presence.PRESENT, 100, 80))
        assert (refused.value.code, refused.value.status) == ("no_time_left", 422)


class TestComingAndGoing:
    @pytest.mark.parametrize(
        ("came", "went", "late", "early"),
        [
            ("08:45", None, 0, 0),
            ("09:40", None, 40, 0),
            ("09:00", "11:35", 0, 25),
            ("09:10", "12:20", 10, 0),
        ],
    )
    def test_the_door_counts_the_minutes(self, came: str, went: str | None, late: int, early: int) -> None:
        session = arrived(SESSION, came)
        session = session if went is None else left(session, went)
        assert roll_call.word_on(session, "ann") == Mark(Presence.PRESENT, late, early)

    def test_the_clock_on_the_wall_shows_no_seconds(self) -> None:
        moment = at(f"{DAY} 09:00")
        moment = replace(moment, at=moment.at + timedelta(seconds=59))
        _, noted = arrivals.check_in(
            SESSION, person("ann"), DevicePolicy.ALLOWED, CheckIn("n-1", SITES, "ann"), moment
        )
        gone = sessions.Departed("ann", SESSION.end_at - timedelta(seconds=1), True)
        session = folded(SESSION, noted, gone)
        assert roll_call.word_on(session, "ann") == Mark(Presence.PRESENT, 0, 1)

    def test_the_roll_call_says_otherwise(self) -> None:
        session = called(arrived(SESSION, "09:40"), "09:45", ann=Mark(Presence.PRESENT, 20))
        assert roll_call.word_on(session, "ann") == Mark(Presence.PRESENT, 20, 0)
        session = called(session, "09:50", ann=HERE)
        assert roll_call.word_on(session, "ann") == Mark(Presence.PRESENT, 40, 0)

    def test_who_checks_in_is_there_whatever_was_called_before(self) -> None:
        session = arrived(called(SESSION, "09:05", ann=AWAY), "09:40")
        assert roll_call.word_on(session, "ann") == Mark(Presence.PRESENT, 40, 0)
        assert roll_call.word_on(called(session, "09:50", ann=AWAY), "ann") is MissKind.NO_SHOW

    def test_who_steps_out_and_comes_back_was_there_since_they_first_came(self) -> None:
        session = arrived(left(arrived(SESSION, "09:10"), "10:00"), "10:20")
        assert roll_call.word_on(session, "ann") == Mark(Presence.PRESENT, 10, 0)

    def test_who_was_there_for_no_minute_is_missing(self) -> None:
        session = left(arrived(SESSION, "08:40"), "08:50")
        assert roll_call.word_on(session, "ann") is MissKind.NO_SHOW

    def test_a_surrendered_phone_needs_a_locker(self) -> None:
        with pytest.raises(Refused) as refused:
            arrived(SESSION, "09:00", "ann", Item.PHONE, Item.BAG)
        assert (refused.value.code, refused.value.facts) == ("locker_needed", {"items": ["phone"]})
        assert arrived(SESSION, "09:00", "ann", Item.BAG).arrivals["ann"].items == ("bag",)
        kept = arrived(SESSION, "09:00", "ann", Item.PHONE, locker="l-1").arrivals["ann"]
        assert (kept.locker_id, kept.returned) == ("l-1", False)

    @pytest.mark.parametrize("policy", [DevicePolicy.AIRPLANE_MODE, DevicePolicy.ALLOWED])
    def test_elsewhere_a_phone_stays_in_the_pocket(self, policy: DevicePolicy) -> None:
        command = CheckIn("n-1", SITES, "ann", (Item.PHONE,))
        said, _ = arrivals.check_in(SESSION, person("ann"), policy, command, at(f"{DAY} 09:00"))
        assert (said.device_policy, said.items, said.locker_id) == (policy, ("phone",), None)

    def test_what_was_not_returned_can_be_fetched_later_and_once(self) -> None:
        session = arrived(SESSION, "09:00", "ann", Item.PHONE, locker="l-1")
        with pytest.raises(Refused, match="already"):
            arrived(session, "09:01")
        session = left(session, "11:35", returned=False)
        with pytest.raises(Refused, match="already"):
            arrived(session, "11:40")
        session = left(session, "12:30")
        assert roll_call.word_on(session, "ann") == Mark(Presence.PRESENT, 0, 25)
        with pytest.raises(Refused) as refused:
            left(session, "12:31")
        assert refused.value.code == "not_checked_in"


class TestMinutes:
    """Art and Bea, in one room of 210 minutes with three breaks (vignette 3, S5)."""

    BLOCK = meeting("2026-03-04", "09:00", "12:30", BREAKS)

    @pytest.mark.parametrize(
        ("mark", "late", "present", "pauses", "early"),
        [
            (Mark(Presence.PRESENT, 25, 0), 25, 185, 30, 0),
            (Mark(Presence.PRESENT, 0, 55), 0, 155, 25, 55),
        ],
        ids=["in at 09:25", "out at 11:35, inside the third break"],
    )
    def test_what_is_said_of_a_presence(
        self, mark: Mark, late: int, present: int, pauses: int, early: int
    ) -> None:
        moment = at("2026-03-04 12:30")
        said = only(SessionAttended, attendance.attend(admitted(), self.BLOCK, mark, 2, moment))
        assert (said.late_minutes, said.left_early_minutes) == (late, early)
        assert (said.present_minutes, said.break_minutes, said.creditable_minutes) == (
            present,
            pauses,
            present,
        )
        assert (said.group_size_present, said.walk_in, said.late_entry) == (2, False, False)

    @given(
        st.sampled_from(["2026-03-08", "2026-11-01", "2026-06-01"]),
        st.sampled_from([("00:30", "03:30"), ("21:00", "24:00"), ("09:00", "12:30")]),
        st.integers(-30, 400),
        st.integers(-30, 400),
        st.booleans(),
    )
    def test_the_minutes_of_the_door_add_up_on_every_day(
        self, day: str, block: tuple[str, str], came: int, stayed: int, credited: bool
    ) -> None:
        session = meeting(day, *block, BREAKS)
        arrival = sessions.Arrival(session.start_at + timedelta(minutes=came))
        arrival = replace(arrival, left_at=arrival.at + timedelta(minutes=max(0, stayed)))
        word = roll_call.word_on(replace(session, arrivals={"ann": arrival}), "ann")
        length = localtime.minutes_between(session.start_at, session.end_at)
        stay = max(0, min(length, came + max(0, stayed)) - max(0, came))
        if isinstance(word, MissKind):
            assert stay == 0
            return
        counted = sessions.count_minutes(
            session, word.late_minutes or 0, word.left_early_minutes or 0, credited
        )
        assert counted.late + counted.present + counted.left_early == counted.length == length
        assert counted.present == stay > 0
        assert counted.creditable == counted.present - (0 if credited else counted.breaks)


class TestCancelling:
    @pytest.mark.parametrize(
        ("when", "by", "excused", "kind", "notice"),
        [
            ("2026-01-21 09:00", By.PATIENT, False, MissKind.EXCUSED, 1440),
            ("2026-01-21 09:01", By.PATIENT, False, MissKind.LATE_CANCEL, 1439),
            ("2026-01-22 08:59", By.PATIENT, True, MissKind.EXCUSED, 1),
            ("2026-01-22 08:59", By.CLINIC, False, MissKind.EXCUSED, 1),
            ("2026-01-08 09:00", By.PATIENT, False, MissKind.EXCUSED, 7 * 1440),
        ],
    )
    def test_notice_of_a_day_is_in_time(
        self, when: str, by: By, excused: bool, kind: MissKind, notice: int
    ) -> None:
        said, noted = cancelling(SESSION, when, by=by, excused=excused)
        assert (said.kind, said.notice_minutes, said.cancelled_by) == (kind, notice, by.value)
        assert roll_call.absences(folded(SESSION, noted), ROSTER)["ann"] is kind

    def test_a_late_cancellation_is_said_once_with_its_notice_and_counts(self) -> None:
        session = cancelled(SESSION, "2026-01-21 20:00")
        facts = attendance.miss(person("ann"), session, MissKind.LATE_CANCEL, at(f"{DAY} 09:30"))
        said = only(SessionMissed, facts)
        assert (said.notice_minutes, said.consecutive_missed) == (780, 1)
        after = folded(session, sessions.AbsencesSaid({"ann": MissKind.LATE_CANCEL}))
        assert "ann" not in roll_call.absences(after, ROSTER)

    def test_who_cancels_is_no_longer_marked(self) -> None:
        session = cancelled(called(SESSION, "08:40", ann=HERE), f"{DAY} 08:50")
        assert roll_call.word_on(session, "ann") is MissKind.LATE_CANCEL

    def test_who_comes_after_all_is_there(self) -> None:
        session = cancelled(SESSION, "2026-01-20 09:00")
        assert roll_call.word_on(arrived(session, "09:05"), "ann") == Mark(Presence.PRESENT, 5, 0)
        assert roll_call.word_on(called(session, "09:05", ann=HERE), "ann") == Mark(Presence.PRESENT, 0, 0)

    @pytest.mark.parametrize(
        ("session", "when", "code"),
        [
            (SESSION, f"{DAY} 09:00", "session_begun"),
            (replace(SESSION, cancelled="holiday"), f"{DAY} 08:00", "session_cancelled"),
            (cancelled(SESSION, f"{DAY} 08:00"), f"{DAY} 08:30", "already_cancelled"),
            (arrived(SESSION, "08:45"), f"{DAY} 08:50", "arrived_already"),
        ],
    )
    def test_what_cannot_be_cancelled(self, session: Session, when: str, code: str) -> None:
        with pytest.raises(Refused) as refused:
            cancelling(session, when)
        assert refused.value.code == code

    def test_it_is_taken_back_while_the_seat_is_free(self) -> None:
        session = cancelled(replace(SESSION, capacity=2), "2026-01-20 09:00")
        booked = Booked("ann", LONG_AGO)
        full, free = Seating(GROUP, 2, False), Seating(GROUP, 1, False)
        with pytest.raises(Refused) as refused:
            bookings.undo(session, person("ann"), booked, full, at("2026-01-21 09:00"))
        assert refused.value.facts["failed"][0]["guard"] == "seat_free"
        said, noted = bookings.undo(session, person("ann"), booked, free, at("2026-01-21 09:00"))
        assert said.cause == bookings.COMING_AFTER_ALL
        assert folded(session, noted).cancellations == {}


class TestTheSiteCancels:
    OFF = replace(SESSION, cancelled="holiday")

    def test_nobody_is_missing_for_it(self) -> None:
        session = cancelled(SESSION, f"{DAY} 08:00")
        off = replace(session, cancelled="holiday")
        assert set(roll_call.absences(off, ROSTER).values()) == {MissKind.SITE_CANCELLED}
        said = only(
            SessionMissed,
            attendance.miss(person("ann"), off, MissKind.SITE_CANCELLED, at(f"{DAY} 09:30")),
        )
        assert (said.consecutive_missed, said.notice_minutes) == (0, None)

    def test_it_did_not_run(self) -> None:
        words = roll_call.words(self.OFF, ROSTER)
        event = only(SessionCompleted, roll_call.complete(self.OFF, words))
        assert (event.ran, event.present, event.absent) == (False, 0, 2)

    def test_nobody_is_recorded(self) -> None:
        with pytest.raises(Refused) as refused:
            called(self.OFF, "09:00", ann=HERE)
        assert refused.value.code == "session_cancelled"
        with pytest.raises(Refused) as refused:
            arrived(self.OFF, "09:00")
        assert refused.value.code == "session_cancelled"

    @pytest.mark.parametrize(("when", "taken"), [("08:00", True), ("09:00", True), ("09:01", False)])
    def test_staff_decides_at_the_start_at_the_latest(self, when: str, taken: bool) -> None:
        command = CancelSession("n-1", SITES, "under_min_to_run")
        if taken:
            (said,) = sessions.call_off(SESSION, command, at(f"{DAY} {when}"))
            assert (said.cause, folded(SESSION, said).cancelled) == ("under_min_to_run", "under_min_to_run")
        else:
            with pytest.raises(Refused, match="begun"):
                sessions.call_off(SESSION, command, at(f"{DAY} {when}"))

    def test_it_is_cancelled_once(self) -> None:
        with pytest.raises(Refused, match="already"):
            sessions.call_off(self.OFF, CancelSession("n-1", SITES, "again"), at(f"{DAY} 08:00"))


class TestSingleBookings:
    def refused(self, session: Session = SESSION, state: Calendar | None = None, **about: Any) -> set[str]:
        when, cause = about.pop("when", f"{DAY} 08:00"), about.pop("cause", "make_up")
        seating = replace(Seating(GROUP, 3, clashes=False), **about)
        with pytest.raises(Refused) as refused:
            bookings.book(session, state or person("ann"), seating, cause, at(when))
        return {failed["guard"] for failed in refused.value.facts["failed"]}

    def test_every_rule_that_is_against_it_is_named(self) -> None:
        assert self.refused(taken=12) == {"seat_free"}
        assert self.refused(clashes=True) == {"no_double_booking"}
        assert self.refused(group=replace(GROUP, levels=())) == {"level_served"}
        assert self.refused(replace(SESSION, cancelled="holiday")) == {"takes_place"}
        assert self.refused(when=f"{DAY} 09:00") == {"to_come"}
        assert self.refused(state=replace(person("ann"), stage="ended")) == {"admitted"}
        elsewhere = replace(person("ann"), site_id="s-2", stage="asked")
        assert self.refused(state=elsewhere) == {"admitted", "same_site"}

    def test_who_walks_in_may_come_until_the_end(self) -> None:
        for when in ("08:45", "11:59"):
            seating = Seating(GROUP, 11, False)
            (said,) = bookings.book(SESSION, person("ann"), seating, bookings.WALK_IN, at(f"{DAY} {when}"))
            assert (said.cause, said.session_id) == ("walk_in", SESSION.id)
        assert self.refused(when=f"{DAY} 12:00", cause=bookings.WALK_IN) == {"to_come"}

    def test_a_cancelled_seat_is_free(self) -> None:
        assert bookings.taken(SESSION, ROSTER) == 3
        assert bookings.taken(cancelled(SESSION, f"{DAY} 08:00"), ROSTER) == 2

    def test_what_lies_beside_the_week_is_credited_and_was_not_scheduled(self) -> None:
        facts = attendance.attend(person("ann"), SESSION, HERE, 1, at(f"{DAY} 12:00"), cause="walk_in")
        assert only(SessionAttended, facts).walk_in
        (outcome,) = fold(person("ann"), facts).outcomes.values()
        assert (outcome.creditable_minutes, outcome.scheduled_minutes) == (180, 0)


@dataclass
class Room:
    """A session lived through: what was said about each person, and how their calendars stand."""

    session: Session = SESSION
    calendars: dict[str, Calendar] = field(default_factory=lambda: {k: person(k) for k in PEOPLE})
    told: dict[str, list[object]] = field(default_factory=dict)
    roster: tuple[Booked, ...] = tuple(Booked(k, LONG_AGO) for k in PEOPLE)

    def tell(self, words: dict[str, Word], before: dict[str, Word], moment: Moment, **how: Any) -> None:
        about = telling.Telling(self.session, telling.present_among(self.session, words), GROUP.kind, **how)
        for k, word in words.items():
            state = self.calendars[k]
            said = f"{k}-{len(self.told.get(k, []))}"
            facts = telling.tell(about, state, word, before.get(k), said, "", moment)
            assert facts is not None
            self.told.setdefault(k, []).extend(
                f for f in facts if isinstance(f, SessionAttended | SessionMissed | AttendanceCorrected)
            )
            self.calendars[k] = fold(state, facts)

    def grace(self) -> None:
        absent = roll_call.absences(self.session, self.roster)
        self.tell(dict(absent), {}, at(f"{DAY} 09:30"))
        self.session = folded(self.session, sessions.AbsencesSaid(absent))

    def end(self) -> None:
        words = roll_call.words(self.session, self.roster)
        self.tell(words, dict(self.session.missed), at(f"{DAY} 12:00"))
        self.session = folded(self.session, *roll_call.complete(self.session, words))

    def restate(self, facts: Any, moment: Moment, **how: Any) -> None:
        after = folded(self.session, *facts)
        changed = [k for fact in facts for k in fact.marks]
        before = {k: roll_call.word_on(self.session, k) for k in changed}
        self.session = after
        words = {k: roll_call.word_on(after, k) for k in changed}
        self.tell(words, before, moment, **how)
        status = roll_call.counted(words).roster
        self.session = folded(after, sessions.RosterCounted({**after.roster, **status}))

    def enter_late(self, **entries: Mark) -> None:
        moment = at("2026-01-24 10:00")
        facts = roll_call.enter_late(self.session, LateEntry("n-1", SITES, entries), self.roster, moment)
        self.restate(facts, moment, reason="late_entry", late_entry=True)

    def correct(self, id: str, mark: Mark) -> None:
        facts = roll_call.correct(self.session, CorrectAttendance("n-1", SITES, id, mark, "mistaken"))
        self.restate(facts, at("2026-01-25 10:00"), reason="mistaken")


class TestAfterTheEnd:
    def over(self, **marks: Mark) -> Room:
        room = Room()
        room.session = called(room.session, "09:00", None, **marks)
        room.grace()
        room.end()
        return room

    def test_gus_comes_after_the_grace(self) -> None:
        room = Room()
        room.grace()
        assert room.calendars["ann"].consecutive_missed == 1
        room.session = arrived(room.session, "09:40")
        room.end()
        miss, corrected = room.told["ann"]
        assert isinstance(miss, SessionMissed)
        assert isinstance(corrected, AttendanceCorrected)
        assert (corrected.late_minutes, corrected.present_minutes, corrected.creditable_minutes) == (
            40,
            140,
            140,
        )
        assert (corrected.supersedes_event_id, corrected.reason) == ("ann-1", "came_late")
        assert (corrected.start_at, corrected.service_kind, corrected.group_kind) == (
            room.session.start_at,
            room.session.service_kind,
            GROUP.kind,
        )
        assert (corrected.consecutive_missed, room.calendars["ann"].consecutive_missed) == (0, 0)

    def test_a_late_entry_is_for_those_whom_nobody_recorded(self) -> None:
        room = self.over(ann=HERE)
        with pytest.raises(Refused) as refused:
            room.enter_late(ann=AWAY)
        assert [f["guard"] for f in refused.value.facts["failed"]] == ["recorded_by_nobody"]
        room.enter_late(bob=Mark(Presence.PRESENT, 10))
        said = room.told["bob"][-1]
        assert isinstance(said, AttendanceCorrected)
        assert (said.attended, said.late_entry, said.late_minutes, said.reason) == (
            True,
            True,
            10,
            "late_entry",
        )
        assert room.session.roster == {"ann": "present", "bob": "present", "cyd": "no_show"}

    def test_the_rest_of_a_late_entry_is_everybody_whom_nobody_recorded(self) -> None:
        room = self.over(ann=AWAY)
        command = LateEntry("n-1", SITES, {}, Presence.PRESENT, ("g-1",))
        (fact,) = roll_call.enter_late(room.session, command, room.roster, at("2026-01-24 10:00"))
        assert {k: m.goals for k, m in fact.marks.items()} == {"bob": ("g-1",), "cyd": ("g-1",)}

    @pytest.mark.parametrize(("day", "taken"), [("2026-01-29", True), ("2026-01-30", False)])
    def test_a_late_entry_is_taken_for_seven_days(self, day: str, taken: bool) -> None:
        room = self.over()
        command = LateEntry("n-1", SITES, {"bob": HERE})
        if taken:
            assert roll_call.enter_late(room.session, command, room.roster, at(f"{day} 23:59"))
        else:
            with pytest.raises(Refused, match="8 days ago"):
                roll_call.enter_late(room.session, command, room.roster, at(f"{day} 00:00"))

    def test_a_session_that_is_not_over_is_neither_corrected_nor_entered_late(self) -> None:
        with pytest.raises(Refused, match="not over"):
            roll_call.enter_late(SESSION, LateEntry("n-1", SITES, {"ann": HERE}), ROSTER, at(f"{DAY} 10:00"))
        with pytest.raises(Refused, match="not over"):
            roll_call.correct(SESSION, CorrectAttendance("n-1", SITES, "ann", HERE, "mistaken"))

    def test_only_what_was_said_can_be_wrong(self) -> None:
        with pytest.raises(Refused, match="enter it late"):
            self.over().correct("eve", HERE)

    def test_a_correction_replaces_a_correction(self) -> None:
        room = self.over(ann=HERE)
        room.correct("ann", AWAY)
        room.correct("ann", Mark(Presence.PRESENT, 0, 60))
        room.correct("ann", Mark(Presence.PRESENT, 0, 60))
        kinds = [type(said).__name__ for said in room.told["ann"]]
        assert kinds == ["SessionAttended", "AttendanceCorrected", "AttendanceCorrected"]
        first, second = room.told["ann"][1:]
        assert isinstance(first, AttendanceCorrected)
        assert isinstance(second, AttendanceCorrected)
        assert (first.attended, first.kind, first.supersedes_event_id) == (False, MissKind.NO_SHOW, "ann-1")
        assert (second.creditable_minutes, second.kind, second.supersedes_event_id) == (120, None, "ann-2")

    def test_what_is_no_longer_at_hand_cannot_be_corrected(self) -> None:
        room = self.over(ann=HERE)
        room.calendars["ann"] = replace(room.calendars["ann"], outcomes={})
        with pytest.raises(Refused) as refused:
            room.correct("ann", AWAY)
        assert refused.value.code == "too_long_ago"

    def test_a_correction_closes_the_day_and_the_week_again(self) -> None:
        room = self.over(ann=HERE)
        state, day = room.calendars["ann"], SESSION.local_date
        monday = localtime.monday_of(day)
        assert week_wakes(state) == []
        state = replace(state, begun_on=monday)
        state = fold(state, closing.close_day(state, day, at("2026-01-23 00:01")))
        state = fold(state, closing.close_week(state, monday, at("2026-01-26 00:01")))
        assert week_wakes(state) == [Wake(at("2026-01-27 10:00").at, f"week:{monday}")]
        room.calendars["ann"] = state
        room.correct("ann", AWAY)
        again = only(
            TreatmentDayClosed, closing.close_day(room.calendars["ann"], day, at("2026-01-27 10:00"))
        )
        assert (again.total_creditable_minutes, again.reopened_count) == (0, 1)
        assert closing.close_week(room.calendars["ann"], monday, at("2026-01-27 10:00"))


def week_wakes(state: Calendar) -> list[Wake]:
    facts = attendance.correct(state, SESSION, HERE, "e-1", "mistaken", at("2026-01-27 10:00"))
    return [f for f in facts if isinstance(f, Wake) and f.what.startswith("week:")]


MARKS = st.one_of(
    st.builds(Mark, st.just(Presence.PRESENT), st.integers(0, 80), st.integers(0, 80)),
    st.sampled_from([AWAY, Mark(Presence.EXCUSED), Mark(Presence.LATE_CANCEL)]),
)
SOME = st.dictionaries(st.sampled_from(PEOPLE), MARKS | st.just(Mark(Presence.UNMARKED)), max_size=3)


class TestTheLastWord:
    @given(
        st.lists(SOME, max_size=3),
        st.lists(st.tuples(SOME, st.sampled_from([None, Presence.PRESENT, Presence.NO_SHOW])), max_size=3),
        st.dictionaries(st.sampled_from(PEOPLE), MARKS, max_size=3),
        st.lists(st.tuples(st.sampled_from(PEOPLE), MARKS), max_size=4),
    )
    def test_holds_whatever_was_said_before(
        self,
        early: list[dict[str, Mark]],
        later: list[tuple[dict[str, Mark], Presence | None]],
        late: dict[str, Mark],
        corrections: list[tuple[str, Mark]],
    ) -> None:
        room = Room()
        last: dict[str, Mark] = {}
        for entries in early:
            room.session = call(room, "09:10", entries, None)
            last |= entries
        room.grace()
        for entries, rest in later:
            spoken = {k for k, m in last.items() if m.status is not Presence.UNMARKED}
            others = set(PEOPLE) - set(entries) - spoken - set(room.session.missed)
            room.session = call(room, "09:40", entries, rest)
            last |= entries | ({} if rest is None else {k: Mark(rest) for k in others})
        room.end()
        unrecorded = {k: m for k, m in late.items() if k not in room.session.marks}
        room.enter_late(**unrecorded)
        last |= unrecorded
        for k, mark in corrections:
            room.correct(k, mark)
            last[k] = mark
        for k in PEOPLE:
            mark = last.get(k, AWAY)
            self.stands(room, k, AWAY if mark.status is Presence.UNMARKED else mark)

    def stands(self, room: Room, id: str, mark: Mark) -> None:
        told, state = room.told[id][-1], room.calendars[id]
        (outcome,) = state.outcomes.values()
        minutes = 180 - (mark.late_minutes or 0) - (mark.left_early_minutes or 0)
        assert outcome.attended == mark.present
        assert outcome.kind == (None if mark.present else mark.kind)
        assert outcome.creditable_minutes == (minutes if mark.present else 0)
        missed = mark.status in (Presence.NO_SHOW, Presence.LATE_CANCEL)
        assert state.consecutive_missed == int(missed)
        if isinstance(told, AttendanceCorrected):
            assert (told.attended, told.kind) == (outcome.attended, outcome.kind)
            assert told.consecutive_missed == state.consecutive_missed
        assert room.session.roster[id] == mark.status

    @given(
        st.lists(st.tuples(st.integers(1, 12), MARKS), min_size=1, max_size=14),
        st.randoms(use_true_random=False),
    )
    def test_missed_in_a_row_is_what_it_would_have_been_said_right_at_first(
        self, corrections: list[tuple[int, Mark]], luck: Any
    ) -> None:
        """Sessions of one person, two on some days, all missed at first and corrected in any order."""
        right = dict(corrections)
        numbers = sorted(right)
        wrong = {n: luck.choice([AWAY, HERE]) for n in numbers}
        mistaken = person("ann")
        for n in luck.sample(numbers, len(numbers)):
            mistaken = lived(mistaken, n, wrong[n])
        order = [(n, mark) for n, mark in corrections if mark != right[n]] + luck.sample(
            list(right.items()), len(right)
        )
        for n, mark in order:
            word = said(mark)
            moment = at("2026-02-10 10:00")
            facts = attendance.correct(mistaken, numbered(n), word, "e-1", "mistaken", moment)
            mistaken = fold(mistaken, facts)
            assert only(AttendanceCorrected, facts).consecutive_missed == mistaken.consecutive_missed
        once = person("ann")
        for n in numbers:
            once = lived(once, n, right[n])
        assert mistaken.consecutive_missed == once.consecutive_missed == in_a_row(right)

    def test_a_row_goes_on_over_what_is_no_longer_at_hand(self) -> None:
        state = person("ann")
        for n in range(1, 9):
            state = lived(state, n, AWAY)
        forgotten = folding._forget(state, numbered(5).local_date + timedelta(days=folding.REMEMBERED_DAYS))
        assert (len(forgotten.outcomes), forgotten.missed_before) == (4, 4)
        assert lived(forgotten, 9, AWAY).consecutive_missed == 9
        assert lived(forgotten, 6, HERE).consecutive_missed == 2


def call(room: Room, when: str, entries: dict[str, Mark], rest: Presence | None) -> Session:
    command = RollCall("n-1", SITES, entries, rest)
    return folded(room.session, *roll_call.call_roll(room.session, command, room.roster, at(f"{DAY} {when}")))


def numbered(n: int) -> Session:
    """The sessions of January, a morning and an afternoon each day."""
    day, afternoon = f"2026-01-{(n + 1) // 2:02}", n % 2 == 0
    session = meeting(day, "13:00" if afternoon else "09:00", "16:00" if afternoon else "12:00")
    return replace(session, id=f"s-{99 - n}")


def said(mark: Mark) -> Word:
    return mark if mark.present else mark.kind


def lived(state: Calendar, n: int, mark: Mark) -> Calendar:
    session, word = numbered(n), said(mark)
    moment = Moment(session.end_at, ACTOR, session.id, at("2026-01-01 00:00").rules)
    if isinstance(word, MissKind):
        return fold(state, attendance.miss(state, session, word, moment))
    return fold(state, attendance.attend(state, session, word, 1, moment))


def in_a_row(right: dict[int, Mark]) -> int:
    row = 0
    for _, mark in sorted(right.items()):
        counts = mark.status in (Presence.NO_SHOW, Presence.LATE_CANCEL)
        row = 0 if mark.present else row + int(counts)
    return row
