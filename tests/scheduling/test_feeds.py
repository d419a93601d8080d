"""What calendar feeds show to whom, and how: times that hold, nothing that tells of a person."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.decisions import Moment, Refused
from contracts.rulebook import rulebook
from contracts.vocabulary import Actor, ActorType, AgeBand, GroupKind, ServiceKind
from services.scheduling.api.ics import calendar_text
from services.scheduling.domain import feeds, links
from services.scheduling.domain.calendar import Calendar
from services.scheduling.domain.feeds import Meeting
from services.scheduling.domain.localtime import instant
from tests.scheduling.ical import events, observances, offset_at, unfolded

NEW_YORK = "America/New_York"
ZONES = (NEW_YORK, "America/Phoenix", "America/St_Johns", "Europe/London", "Australia/Lord_Howe")
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def meeting(
    day: date = date(2026, 3, 9), start: str = "09:00", end: str = "12:00", tz: str = NEW_YORK
) -> Meeting:
    return Meeting(
        session_id="5f0c2c4e-0000-5000-8000-000000000001",
        start_at=instant(day, start, tz),
        end_at=instant(day, end, tz),
        tz=tz,
        service_kind=ServiceKind.GROUP,
        group_kind=GroupKind.RELAPSE_PREVENTION,
        room_id="room-7",
        booked=11,
        cancelled=False,
        version=4,
        changed_at=NOW,
    )


class TestStaff:
    def test_see_what_meets_where_and_how_many_come(self) -> None:
        [entry] = feeds.for_staff([meeting()])

        assert (entry.summary, entry.description) == ("Relapse prevention, room room-7", "11 booked")
        assert (entry.uid, entry.sequence) == (meeting().session_id, 4)

    @pytest.mark.parametrize(
        ("changes", "summary"),
        [
            ({"room_id": None}, "Relapse prevention"),
            ({"group_kind": GroupKind.CBT}, "CBT, room room-7"),
            ({"group_kind": None, "service_kind": ServiceKind.INDIVIDUAL}, "Individual, room room-7"),
        ],
    )
    def test_read_words_whatever_is_known(self, changes: dict[str, object], summary: str) -> None:
        [entry] = feeds.for_staff([replace(meeting(), **changes)])  # type: ignore[arg-type]

        assert entry.summary == summary

    def test_see_four_weeks_back(self) -> None:
        assert feeds.since(NOW) == date(2026, 2, 2)


class TestAPatient:
    def test_sees_times_and_nothing_else(self) -> None:
        text = calendar_text("Appointments", feeds.for_patient("ep-1", [meeting()]))

        told = "\n".join(unfolded(text)).lower()
        hidden = (
            "relapse",
            "group",
            "room",
            "booked",
            "11",
            "site",
            "ep-1",
            meeting().session_id,
            "handrail",
        )
        assert not [word for word in hidden if word in told]
        [event] = events(text).values()
        assert event["summary"] == "Appointment"
        assert (event["start"], event["end"]) == (meeting().start_at, meeting().end_at)

    def test_has_entries_that_nobody_elses_feed_has(self) -> None:
        [mine], [yours] = (feeds.for_patient(e, [meeting()]) for e in ("ep-1", "ep-2"))
        [later] = feeds.for_patient("ep-1", [replace(meeting(), version=9, room_id="room-8")])

        assert mine.uid != yours.uid
        assert mine.uid == later.uid
        assert meeting().session_id not in mine.uid


class TestTheText:
    def test_says_that_a_session_does_not_take_place(self) -> None:
        off = replace(meeting(), cancelled=True, version=5)

        [event] = events(calendar_text("Sessions", feeds.for_staff([off]))).values()

        assert (event["status"], event["sequence"], event["changed"]) == ("CANCELLED", 5, NOW)

    def test_is_folded_and_comes_back_whole(self) -> None:
        long = replace(meeting(), room_id="ä" * 64)

        text = calendar_text("Sessions", feeds.for_staff([long]))

        assert f"SUMMARY:Relapse prevention\\, room {'ä' * 64}" in unfolded(text)

    def test_holds_something_without_any_session(self) -> None:
        text = calendar_text("Sessions", [])

        assert "BEGIN:VTIMEZONE" in unfolded(text)
        assert events(text) == {}

    def test_is_the_same_for_the_same_sessions(self) -> None:
        assert calendar_text("x", feeds.for_staff([meeting()])) == calendar_text(
            "x", feeds.for_staff([meeting()])
        )

    def test_names_each_zone_once(self) -> None:
        both = [meeting(), meeting(date(2026, 3, 10)), meeting(tz="America/Phoenix")]

        lines = unfolded(calendar_text("Sessions", feeds.for_staff(both)))

        assert lines.count("BEGIN:VTIMEZONE") == 2

    @pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1), date(2026, 6, 1)])
    def test_a_block_that_ends_the_day_ends_at_the_next_midnight(self, day: date) -> None:
        text = calendar_text("Sessions", feeds.for_staff([meeting(day, "00:00", "24:00")]))

        [event] = events(text).values()
        local = [event[k].astimezone(ZoneInfo(NEW_YORK)).replace(tzinfo=None) for k in ("start", "end")]
        midnight = datetime.combine(day, datetime.min.time())
        assert local == [midnight, midnight + timedelta(days=1)]

    def test_spring_begins_at_the_hour_that_the_clocks_leave(self) -> None:
        text = calendar_text("Sessions", feeds.for_staff([meeting(date(2026, 3, 8))]))

        changes = [o for o in observances(text) if o[1] != o[2]]

        assert changes == [(datetime(2026, 3, 8, 7, tzinfo=UTC), -timedelta(hours=5), -timedelta(hours=4))]

    @given(
        st.sampled_from(ZONES),
        st.dates(date(2025, 1, 1), date(2028, 12, 31)),
        st.integers(0, 23),
        st.integers(1, 28),
    )
    def test_its_own_zone_gives_the_instants_back(self, tz: str, day: date, hour: int, days: int) -> None:
        apart = [
            meeting(on, f"{hour:02}:00", f"{hour + 1:02}:00", tz) for on in (day, day + timedelta(days=days))
        ]
        apart = [replace(m, session_id=str(n)) for n, m in enumerate(apart)]

        text = calendar_text("Sessions", feeds.for_staff(apart))

        read = events(text)
        for each in apart:
            assert (read[each.session_id]["start"], read[each.session_id]["end"]) == (
                each.start_at,
                each.end_at,
            )
            for at in (each.start_at, each.end_at):
                assert offset_at(text, at) == at.astimezone(ZoneInfo(tz)).utcoffset()


class TestALink:
    command = links.MakeLink("n-1", ("s-1",), "link-1", "0" * 64)
    moment = Moment(NOW, Actor(type=ActorType.USER, id="u-1", role="clinician"), "cause", rulebook())

    def calendar(self, stage: str = "scheduled") -> Calendar:
        return Calendar("ep-1", "n-1", "s-1", "p-1", True, NEW_YORK, stage, AgeBand.ADULT, ())

    def test_is_made_for_somebody_in_treatment(self) -> None:
        [made] = links.make(self.calendar(), self.command, self.moment)

        link = links.evolve(None, made)
        assert (link.id, link.digest, link.expires_at) == ("ep-1", "0" * 64, NOW + links.LASTS)

    @pytest.mark.parametrize("stage", ["asked", "held", "ended"])
    def test_is_refused_to_anybody_else(self, stage: str) -> None:
        with pytest.raises(Refused) as refused:
            links.make(self.calendar(stage), self.command, self.moment)

        assert refused.value.facts["failed"][0]["guard"] == "admitted"

    def test_is_taken_back_once(self) -> None:
        [made] = links.make(self.calendar(), self.command, self.moment)
        link = links.evolve(None, made)

        [gone] = links.revoke(link)
        link = links.evolve(link, gone)

        assert link.digest is None
        assert list(links.revoke(link)) == []
        assert list(links.revoke(None)) == []
