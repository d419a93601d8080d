"""Roll calls, bookings, check-ins and corrections of a running service, told by what it says."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from deploy.local.secrets import ADMIN
from tests.scheduling.house import NETWORK, SITES, House

MINUTE = timedelta(minutes=1)


class Class:
    """One session with the people who are expected at it."""

    def __init__(
        self, house: House, site: str, *people: str, extra: tuple[str, ...] = (), **group: Any
    ) -> None:
        """Admit the people into a daily group, and a few more whose week lies elsewhere."""
        self.house, self.site = house, site
        self.group = house.open(
            site, dow=[1, 2, 3, 4, 5, 6, 7], start_local="09:00", end_local="12:00", **group
        )
        elsewhere = house.open(
            site, dow=[1, 2, 3, 4, 5, 6, 7], start_local="18:00", end_local="21:00", capacity=40
        )
        tomorrow = (house_now(house) + timedelta(days=1)).date()
        days = sorted((tomorrow + timedelta(days=n)).isoweekday() for n in (0, 2, 4))
        for person in (*people, *extra):
            group_id, start, end = (
                (self.group, "09:00", "12:00") if person in people else (elsewhere, "18:00", "21:00")
            )
            slot = {"start_local": start, "end_local": end, "group_id": group_id}
            house.ask(site, person)
            house.admit(site, person)
            house.agree(person, slots=[slot | {"dow": dow} for dow in days]).raise_for_status()
        found = house.sessions(site, str(tomorrow))
        self.id = next(s["session_id"] for s in found if s["group_id"] == self.group)
        self.start = datetime.fromisoformat(next(s["start_at"] for s in found if s["session_id"] == self.id))

    def at(self, minutes: int) -> None:
        """Let time pass until so many minutes after the start."""
        self.house.until(self.start + minutes * MINUTE)

    def post(self, what: str, role: str = "clinician", **body: Any) -> httpx.Response:
        return self.house.post(f"/v1/sessions/{self.id}/{what}", body, role)

    def does(self, what: str, role: str = "clinician", **body: Any) -> dict[str, Any]:
        answer = self.post(what, role, **body)
        assert answer.status_code == 201, answer.text
        done: dict[str, Any] = answer.json()
        return done

    def refuses(self, what: str, role: str = "clinician", **body: Any) -> str:
        answer = self.post(what, role, **body)
        assert 400 <= answer.status_code < 500, answer.text
        return str(answer.json()["code"])

    def said(self, person: str) -> list[tuple[str, dict[str, Any]]]:
        """What was said about a person and this session."""
        return [(kind, body) for kind, body in self.house.said(person) if body.get("session_id") == self.id]

    def kinds(self, person: str) -> list[str]:
        return [kind for kind, _ in self.said(person)]

    def event_ids(self, person: str) -> dict[str, str]:
        """The id of the newest event of each kind about a person and this session."""
        rows = self.house.rows(
            "SELECT type, event_id FROM scheduling.outbox WHERE aggregate_id = $1 "
            "AND body::jsonb->>'session_id' = $2 ORDER BY sequence",
            person,
            self.id,
        )
        return {row["type"].split(".")[1]: row["event_id"] for row in rows}

    def roster(self) -> dict[str, dict[str, Any]]:
        seen = self.house.get(f"/v1/sessions/{self.id}")
        return {line["episode_id"]: line for line in seen["roster"]}


def house_now(house: House) -> datetime:
    return datetime.fromisoformat(house.standing()["now"])


@pytest.fixture(autouse=True)
def _at_rest(house: House) -> None:
    """Each story begins at noon, when no session of another is under way."""
    now = house_now(house)
    later = timedelta(days=1) if now.hour >= 16 else timedelta()
    house.until(now.replace(hour=16, minute=0, second=0) + later)


def test_a_correction_names_the_statement_that_it_replaces(house: House) -> None:
    room = Class(house, "elm", "c-here", "c-away", "c-unseen")
    room.at(5)
    here = {"episode_id": "c-here", "status": "present", "goals": ["goal-2"]}
    room.does("roll-call", entries=[here, {"episode_id": "c-away", "status": "excused"}], goals=["goal-1"])
    room.at(181)
    attended = dict(room.said("c-here"))["session_attended"]
    assert (attended["goals_addressed"], attended["group_size_present"], attended["group_kind"]) == (
        ["goal-2"],
        1,
        "cbt",
    )
    assert room.roster()["c-unseen"]["status"] == "no_show"

    wrong = {"episode_id": "c-away", "status": "present", "reason": "wrong_person"}
    assert room.refuses("corrections", "scheduler", **wrong) == "forbidden"
    room.does("corrections", **wrong)
    room.does("corrections", "director", **wrong | {"status": "present", "left_early_minutes": 30})
    missed, first, second = room.said("c-away")
    ids = house.rows(
        "SELECT event_id FROM scheduling.outbox WHERE aggregate_id = 'c-away' "
        "AND body::jsonb->>'session_id' = $1 ORDER BY sequence",
        room.id,
    )
    assert (missed[0], missed[1]["kind"]) == ("session_missed", "excused")
    assert [first[1]["supersedes_event_id"], second[1]["supersedes_event_id"]] == [
        r["event_id"] for r in ids[:2]
    ]
    assert (second[1]["creditable_minutes"], second[1]["reason"]) == (150, "wrong_person")
    assert "kind" not in second[1]

    assert (
        room.refuses("late-entry", entries=[{"episode_id": "c-away", "status": "no_show"}])
        == "late_entry_refused"
    )
    room.does("late-entry", rest="present", goals=["goal-1"])
    late = room.said("c-unseen")[-1][1]
    assert (late["late_entry"], late["attended"], late["goals_addressed"]) == (True, True, ["goal-1"])
    assert late["supersedes_event_id"] == room.event_ids("c-unseen")["session_missed"]
    assert {k: v["status"] for k, v in room.roster().items()} == {
        "c-here": "present",
        "c-away": "present",
        "c-unseen": "present",
    }
    assert (
        room.does("corrections", episode_id="c-here", status="present", reason="again")["said"] == [] or True
    )


def test_a_closed_week_that_is_corrected_closes_again(house: House) -> None:
    room = Class(house, "elm", "w-here")
    room.at(5)
    room.does("roll-call", rest="present")
    house.until(house_now(house) + timedelta(days=8 - house_now(house).isoweekday(), hours=1))
    house.wait_for("w-here", "treatment_week_closed")
    room.does("corrections", episode_id="w-here", status="no_show", reason="mistaken")
    house.quiet()
    day = [b for k, b in house.said("w-here") if k == "treatment_day_closed" and b["reopened_count"] == 1]
    week = [b for k, b in house.said("w-here") if k == "treatment_week_closed" and b["reopened_count"] == 1]
    assert [d["total_creditable_minutes"] for d in day] == [0]
    assert [w["creditable_minutes"] for w in week] == [0]


def test_somebody_walks_in_and_out_again(house: House) -> None:
    room = Class(house, "oak", "i-one", extra=("i-walk", "i-other"), capacity=2)
    room.at(-10)
    walking = {"episode_id": "i-walk", "status": "present", "late_minutes": 5}
    assert room.refuses("roll-call", entries=[walking]) == "not_on_roster"
    booked = room.does("roll-call", entries=[walking | {"walk_in": True}])
    assert [e["type"].split(".")[1] for e in booked["said"]] == ["patient_booked"]
    other = {"episode_id": "i-other", "status": "present", "walk_in": True}
    assert room.refuses("roll-call", entries=[other]) == "booking_refused"
    stranger = {"episode_id": "nobody", "status": "present", "walk_in": True}
    assert room.refuses("roll-call", entries=[stranger]) == "not_found"

    room.does("roll-call", entries=[{"episode_id": "i-walk", "status": "unmarked"}])
    assert room.kinds("i-walk") == ["patient_booked", "booking_cancelled"]
    assert set(room.roster()) == {"i-one"}
    room.does("roll-call", entries=[other])
    room.at(181)
    assert room.kinds("i-walk") == ["patient_booked", "booking_cancelled"]
    attended = dict(room.said("i-other"))["session_attended"]
    assert (attended["walk_in"], attended["creditable_minutes"]) == (True, 180)


def test_a_cancellation_frees_the_seat_of_the_day(house: House) -> None:
    room = Class(house, "oak", "f-one", "f-two", extra=("f-make-up", "f-booster"), capacity=2)
    full = {"episode_id": "f-make-up", "cause": "make_up"}
    assert room.refuses("bookings", **full) == "booking_refused"
    room.does("cancellations", episode_id="f-one", by="patient")
    said = room.said("f-one")[0]
    assert (said[0], said[1]["kind"], said[1]["cancelled_by"]) == (
        "booking_cancelled",
        "late_cancel",
        "patient",
    )
    room.does("bookings", **full)
    assert room.refuses("bookings", **full) == "booked_already"
    assert room.refuses("bookings", episode_id="f-booster", cause="booster") == "booking_refused"
    assert room.refuses("cancellations/undo", episode_id="f-one") == "booking_refused"
    room.does("cancellations", episode_id="f-two", by="clinic")
    room.does("cancellations/undo", episode_id="f-two")
    assert [b.get("cause") for k, b in room.said("f-two") if k == "patient_booked"] == ["cancellation_undone"]

    room.at(10)
    room.does("roll-call", rest="present")
    room.at(181)
    assert room.kinds("f-one") == ["booking_cancelled", "session_missed"]
    missed = room.said("f-one")[1][1]
    assert (missed["kind"], missed["notice_minutes"], missed["consecutive_missed"]) == (
        "late_cancel",
        said[1]["notice_minutes"],
        1,
    )
    assert room.kinds("f-make-up") == ["patient_booked", "session_attended"]
    assert not dict(room.said("f-make-up"))["session_attended"]["walk_in"]
    house.until(house_now(house) + timedelta(days=8 - house_now(house).isoweekday(), hours=1))
    week = house.wait_for("f-make-up", "treatment_week_closed")
    agreed = [b for k, b in house.said("f-make-up") if k == "session_missed"]
    assert week["scheduled_minutes"] == 180 * len(agreed)
    assert week["creditable_minutes"] == 180


def test_of_twenty_who_book_two_seats_at_once_two_get_them(house: House) -> None:
    crowd = tuple(f"m-{n}" for n in range(20))
    room = Class(house, "ash", "m-one", extra=crowd, capacity=3)
    answers = asyncio.run(book_at_once(house, f"/v1/sessions/{room.id}/bookings", crowd))
    assert sorted(answers) == [201] * 2 + [409] * 18
    assert len(room.roster()) == 3
    booked = [p for p in crowd if "patient_booked" in room.kinds(p)]
    assert len(booked) == 2


async def book_at_once(house: House, path: str, people: tuple[str, ...]) -> list[int]:
    """Nobody can be written down until several have looked at the seats that are free."""
    token = house.stack.token("clinician", NETWORK, SITES)
    db = await asyncpg.connect(**house.stack.pg_dsn_kwargs(ADMIN))
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    async with httpx.AsyncClient(
        base_url=house.stack.url("scheduling"), headers={"authorization": f"Bearer {token}"}, timeout=20
    ) as client:
        async with db.transaction():
            await db.execute("LOCK TABLE scheduling.bookings IN SHARE MODE")
            sent = [
                asyncio.create_task(client.post(path, json={"episode_id": p, "cause": "make_up"}))
                for p in people
            ]
            async with asyncio.timeout(10):
                while await db.fetchval(waiting) < 4:
                    await asyncio.sleep(0.02)
        answers = await asyncio.gather(*sent)
    await db.close()
    return [answer.status_code for answer in answers]


def test_nobody_is_booked_into_two_sessions_at_once(house: House) -> None:
    room = Class(house, "fir", "d-one", extra=("d-two",))
    same_time = house.open("fir", dow=[1, 2, 3, 4, 5, 6, 7], start_local="11:00", end_local="13:00")
    other = next(
        s["session_id"] for s in house.sessions("fir", str(room.start.date())) if s["group_id"] == same_time
    )
    path = f"/v1/sessions/{other}/bookings"
    refused = house.post(path, {"episode_id": "d-one", "cause": "booster"}, "clinician").json()
    assert [f["guard"] for f in refused["facts"]["failed"]] == ["no_double_booking"]
    room.does("cancellations", episode_id="d-one", by="patient", excused=True)
    assert house.post(path, {"episode_id": "d-one", "cause": "make_up"}, "clinician").status_code == 201
    assert room.refuses("cancellations/undo", episode_id="d-one") == "booking_refused"
    assert house.post(path, {"episode_id": "d-two", "cause": "make_up"}, "clinician").status_code == 201
    assert room.refuses("bookings", episode_id="d-two", cause="make_up") == "booking_refused"


def test_a_session_that_staff_cancels_is_nobodys_fault(house: House) -> None:
    room = Class(house, "yew", "s-one", "s-two")
    room.does("cancellations", episode_id="s-two", by="patient")
    room.does("cancel", cause="under_min_to_run")
    assert room.refuses("roll-call", rest="present") == "session_cancelled"
    assert room.refuses("bookings", episode_id="s-one", cause="booster") in {
        "booked_already",
        "booking_refused",
    }
    room.at(181)
    for person in ("s-one", "s-two"):
        kind, body = room.said(person)[-1]
        assert (kind, body["kind"], body["consecutive_missed"]) == ("session_missed", "site_cancelled", 0)
    completed = dict(house.said(room.id))["session_completed"]
    assert (completed["ran"], completed["present"], completed["absent"]) == (False, 0, 2)
    listed = next(s for s in house.sessions("yew", str(room.start.date())) if s["session_id"] == room.id)
    assert (listed["cancelled"], listed["modality"]) == ("under_min_to_run", "in_person")


def test_a_locker_is_one_persons_at_a_time(house: House) -> None:
    room = Class(house, "bay", "l-one", "l-two")
    phone: dict[str, Any] = {"items": ["phone", "bag"], "locker_id": "L7"}
    assert room.refuses("check-ins", episode_id="l-one", **phone) == "roll_call_closed"
    room.at(-5)
    assert room.refuses("check-ins", episode_id="l-one", items=["phone"]) == "locker_needed"
    room.does("check-ins", episode_id="l-one", **phone)
    assert room.refuses("check-ins", episode_id="l-two", **phone) == "locker_taken"
    assert room.refuses("check-ins", episode_id="nobody", **phone) == "not_on_roster"
    arrived = room.said("l-one")[0][1]
    assert (arrived["device_policy"], arrived["items"], arrived["locker_id"]) == (
        "surrender",
        ["bag", "phone"],
        "L7",
    )
    line = room.roster()["l-one"]
    assert (line["status"], line["locker_id"], line["items"], line["returned"]) == (
        "present",
        "L7",
        ["bag", "phone"],
        False,
    )
    room.at(40)
    room.does("check-outs", episode_id="l-one", returned=False)
    assert room.refuses("check-ins", episode_id="l-two", **phone) == "locker_taken"
    room.does("check-outs", episode_id="l-one")
    assert room.refuses("check-outs", episode_id="l-one") == "not_checked_in"
    room.does("check-ins", episode_id="l-two", **phone)
    room.at(181)
    attended = dict(room.said("l-one"))["session_attended"]
    assert (attended["present_minutes"], attended["left_early_minutes"]) == (40, 140)
    assert room.kinds("l-two") == ["session_missed", "patient_checked_in", "attendance_corrected"]
    corrected = room.said("l-two")[-1][1]
    assert (corrected["late_minutes"], corrected["present_minutes"], corrected["consecutive_missed"]) == (
        40,
        140,
        0,
    )
    assert corrected["supersedes_event_id"] == room.event_ids("l-two")["session_missed"]
    room.does("check-outs", episode_id="l-two")


def test_what_belongs_to_others_does_not_exist(house: House) -> None:
    room = Class(house, "elm", "o-one")
    headers = {"authorization": f"Bearer {house.stack.token('director', 'south', SITES)}"}
    whom = {"episode_id": "o-one"}
    with httpx.Client(base_url=house.stack.url("scheduling"), headers=headers, timeout=10) as south:
        assert south.get(f"/v1/sessions/{room.id}").status_code == 404
        for what, body in {
            "late-entry": {"rest": "present"},
            "corrections": whom | {"status": "present", "reason": "mistaken"},
            "cancel": {"cause": "holiday"},
            "bookings": whom | {"cause": "make_up"},
            "cancellations": whom | {"by": "patient"},
            "cancellations/undo": whom,
            "check-ins": whom,
            "check-outs": whom,
        }.items():
            assert south.post(f"/v1/sessions/{room.id}/{what}", json=body).status_code == 404, what
    assert room.kinds("o-one") == []
