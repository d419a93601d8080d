"""Fay, Gus and Hal (8): three ways not to come back."""

from datetime import date, timedelta
from typing import Any

from tests.journeys.vignettes.clinic import ASSESSED, Clinic, form, screening
from tests.journeys.vignettes.conftest import OPEN

GROUP = {"dow": [1, 3, 5], "start_local": "09:00", "end_local": "12:00"}
MEDICAID = {"payer_id": "payer", "plan_kind": "medicaid", "status": "active", "auth_required": True}
APPROVED = {
    "status": "approved",
    "level": "2.1",
    "unit_kind": "day",
    "units_approved": 44,
    "valid_from": "2026-04-13",
    "valid_to": "2026-07-31",
    "service_codes": ["H0015"],
    "days_per_week": 3,
}
LEAVING = {"reason": "left_against_advice", "signed": False, "aftercare_offered": True}
WEEK = (
    "week_start",
    "creditable_minutes",
    "scheduled_minutes",
    "attendance_ratio_permille",
    "below_level_minimum",
)
GONE = {"reason": "dropped_out_no_contact"}


async def admitted(denver: Clinic, name: str, day: str) -> str:
    """Somebody from the first call to the agreed week, on the morning of a day."""
    who = await denver.refers(site="denver", given=name, family=f"Of{name}", birth_date="1990-02-03")
    await denver.signs(who)
    await denver.does(f"{who}/screening", screening())
    await denver.does(f"{who}/assessment", ASSESSED)
    await denver.does(f"{who}/coverage", MEDICAID)
    await denver.does(f"{who}/authorization", APPROVED)
    wish = {"earliest_start": day, "weekly_minutes": 540, "days_per_week": 3, "program_kind": "sud"}
    await denver.does(f"{who}/seat-request", wish)
    await denver.does(
        f"{who}/admission",
        {"program_id": "adult_sud_day", "primary_clinician_id": "clinician", "program_kind": "sud"},
    )
    agreed = {"agreed_by_patient": True, "agreed_by_clinician": True, "effective_from": day}
    episode = who.replace("referrals", "episodes")
    await denver.does(f"{episode}/schedule", agreed, service="scheduling", role="scheduler")
    return who


class Mornings:
    """The sessions of one group, one after the other."""

    def __init__(self, denver: Clinic) -> None:
        self.denver = denver

    async def on(self, day: date) -> dict[str, Any]:
        found = await self.denver.get(f"/v1/sessions?on={day}", role="clinician", service="scheduling")
        session: dict[str, Any] = found["items"][0]
        return session

    async def session(self, day: date) -> str:
        return f"/v1/sessions/{(await self.on(day))['session_id']}"

    async def expected(self, day: date) -> set[str]:
        """Who is waited for on a morning."""
        return {line["episode_id"] for line in (await self.on(day))["roster"]}

    async def post(self, day: date, what: str, **body: Any) -> dict[str, Any]:
        path = f"{await self.session(day)}/{what}"
        return await self.denver.does(path, body, service="scheduling", role="clinician")

    async def live(self, day: date, *there: str) -> None:
        """One morning: these people are there from nine to twelve, nobody else is recorded."""
        await self.denver.clock(f"{day}T09:05")
        entries = [{"episode_id": _id(who), "status": "present"} for who in there]
        if entries:
            await self.post(day, "roll-call", entries=entries)
        await self.denver.clock(f"{day}T12:01")


def _id(who: str) -> str:
    return who.rpartition("/")[2]


def days(first: date, last: date) -> list[date]:
    span = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in span if day.isoweekday() in (1, 3, 5)]


async def reaches_out(denver: Clinic, channel: str, *people: str) -> None:
    """Somebody tries to reach people who stayed away, and reaches nobody."""
    for who in people:
        await denver.cares(episode(who), "outreach", {"channel": channel, "reached": False})


def episode(who: str) -> str:
    return who.replace("referrals", "episodes")


async def test_fay_gus_and_hal_8_three_ways_not_to_come_back(own_story: OPEN) -> None:
    denver = await own_story("denver", "2026-04-13T08:00", "America/Denver")
    await denver.opens("denver", group=GROUP)
    closed = {"from_on": "2026-05-25", "to_on": "2026-05-25", "cause": "holiday"}
    await denver.does("/v1/sites/denver/closures", closed, service="scheduling", role="director")
    mornings = Mornings(denver)
    # Flo and Fen stay away like Fay; nobody tries as much to reach them.
    fay, flo, fen = [await admitted(denver, name, "2026-04-13") for name in ("Fay", "Flo", "Fen")]
    for day in days(date(2026, 4, 13), date(2026, 4, 17)):
        await mornings.live(day, fay, flo, fen)
    await denver.clock("2026-04-20T08:00")
    hal = await admitted(denver, "Hal", "2026-04-20")
    gus = await admitted(denver, "Gus", "2026-04-20")
    for day in days(date(2026, 4, 20), date(2026, 4, 27)):
        await mornings.live(day, fay, flo, fen, hal, gus)
    attended = await denver.said(fay, "session_attended")
    assert sum(event["creditable_minutes"] for event in attended) == 1260

    await two_do_not_come(mornings, fay, flo, fen, hal, gus)
    await hal_leaves(mornings, fay, flo, fen, hal)
    await nobody_comes(mornings, fay, flo, hal)
    await thirty_days_later(mornings, fay, flo, fen)


async def two_do_not_come(mornings: Mornings, fay: str, flo: str, fen: str, hal: str, gus: str) -> None:
    denver = mornings.denver
    # S1: Fay does not come, and it is said at the end of the grace.
    await mornings.live(date(2026, 4, 29), hal, gus)
    (miss,) = await denver.said(fay, "session_missed")
    assert (miss["at"].isoformat(), miss["kind"], miss["consecutive_missed"], miss["scheduled_minutes"]) == (
        "2026-04-29T15:30:00+00:00",
        "no_show",
        1,
        180,
    )

    # S2, and Gus: neither is there at 09:30; a message goes to Fay, and Gus comes at 09:40.
    friday = date(2026, 5, 1)
    await denver.clock("2026-05-01T09:05")
    await mornings.post(friday, "roll-call", entries=[{"episode_id": _id(hal), "status": "present"}])
    await denver.clock("2026-05-01T09:30")
    missed = await denver.said(fay, "session_missed")
    assert [(m["at"].isoformat(), m["consecutive_missed"]) for m in missed] == [
        ("2026-04-29T15:30:00+00:00", 1),
        ("2026-05-01T15:30:00+00:00", 2),
    ]
    (late,) = await denver.said(gus, "session_missed")
    assert (late["kind"], late["consecutive_missed"]) == ("no_show", 1)
    assert sorted(await denver.told(fay, "2026-05-01T15:30")) == [
        ("appointment_missed", "patient"),
        ("outreach", "care_team"),
        ("week_lost", "care_team"),
    ]
    await denver.clock("2026-05-01T09:31")
    await reaches_out(denver, "sms", fay, flo, fen)
    await denver.clock("2026-05-01T09:40")
    await mornings.post(friday, "check-ins", episode_id=_id(gus), items=["phone"], locker_id="L1")
    await denver.clock("2026-05-01T12:00")
    (corrected,) = await denver.said(gus, "attendance_corrected")
    assert [corrected[f"{k}_minutes"] for k in ("late", "present", "creditable")] == [40, 140, 140]
    assert (corrected["attended"], corrected["consecutive_missed"]) == (True, 0)
    assert corrected["supersedes_event_id"] == late["id"]
    assert corrected["at"].isoformat() == "2026-05-01T18:00:00+00:00"
    assert "outreach" not in [template for template, _ in await denver.told(gus)]
    assert (await denver.course(episode(gus)))["consecutive_missed"] == 0
    await denver.clock("2026-05-02T00:01")
    counted = (await denver.said(gus, "treatment_day_closed"))[-1]
    about = ("total_creditable_minutes", "meets_180_min", "meets_day_rule", "units_used_today")
    assert [counted[k] for k in about] == [140, False, False, 0]
    assert not [e for e in await denver.said(gus, "session_attended") if e["local_date"] == "2026-05-01"]

    # S3: 180 of 540 minutes.
    await denver.clock("2026-05-04T00:01")
    week = (await denver.said(fay, "treatment_week_closed"))[-1]
    assert week["at"].isoformat().startswith("2026-05-04T06:00")
    assert [week[k] for k in WEEK] == ["2026-04-27", 180, 540, 333, True]


async def hal_leaves(mornings: Mornings, fay: str, flo: str, fen: str, hal: str) -> None:
    denver = mornings.denver
    # S4: a call to Fay that nobody answers; Flo only ever gets messages.
    await mornings.live(date(2026, 5, 4), hal)
    await denver.clock("2026-05-04T15:00")
    await reaches_out(denver, "voice", fay, fen)
    await reaches_out(denver, "sms", flo)
    tried = [(o["attempts"], o["channel"]) for o in await denver.said(fay, "outreach_attempted")]
    assert tried == [(1, "sms"), (2, "voice")]

    # S11: Hal leaves: what could happen is talked about first. He refuses to sign, and that is recorded.
    await denver.clock("2026-05-05T16:30")
    assert (await denver.may_not(episode(hal), "discharge", LEAVING)).guards == {"risks_discussed"}
    await denver.cares(episode(hal), "discharge", LEAVING | {"risks_discussed": True})
    (left,) = await denver.said(hal, "patient_discharged")
    told = [left[k] for k in ("reason", "discharged_on", "last_service_on", "los_days", "teds_reason")]
    assert told == ["left_against_advice", "2026-05-05", "2026-05-04", 14, "dropped_out"]
    assert (left["readmission_eligible"], left["signed"]) == (True, False)
    assert left["at"].isoformat() == "2026-05-05T22:30:00+00:00"


async def nobody_comes(mornings: Mornings, fay: str, flo: str, hal: str) -> None:
    denver = mornings.denver
    await mornings.live(date(2026, 5, 6))
    # S12: one message to Hal and no more, whatever was planned for him.
    since = [m for m in await denver.said(hal, "notification_sent") if m["sent_at"] >= "2026-05-05T22:30"]
    assert [m["template_id"] for m in since if m["recipient_role"] == "patient"] == ["goodbye"]

    # S5: two thin weeks in a row speak for more treatment only once Fay was reached.
    for day in days(date(2026, 5, 8), date(2026, 5, 13)):
        await mornings.live(day)
    halted = (await denver.said(hal, "treatment_week_closed"))[-1]
    assert (halted["week_start"], halted["creditable_minutes"], halted["scheduled_minutes"]) == (
        "2026-05-04",
        180,
        180,
    )
    assert await denver.said(hal, "session_missed") == []
    empty = (await denver.said(fay, "treatment_week_closed"))[-1]
    assert empty["at"].isoformat().startswith("2026-05-11T06:00")
    assert [empty[k] for k in WEEK] == ["2026-05-04", 0, 540, 0, True]
    assert await denver.said(fay, "step_up_recommended") == []

    # S6: a third attempt by a third channel.
    await denver.clock("2026-05-15T10:00")
    await reaches_out(denver, "email", fay)
    await reaches_out(denver, "sms", flo)
    await denver.clock("2026-05-15T12:01")
    for day in days(date(2026, 5, 18), date(2026, 5, 20)):
        await mornings.live(day)

    # S13: Hal calls again: a new way, and it is known where it comes from.
    person = (await denver.get(hal))["person"]
    known = {k: person[k] for k in ("given", "family", "birth_date", "phone")}
    again = await denver.does("/v1/referrals", form("denver", **known))
    assert (again["linked"], again["stage"]) == (False, "REFERRED")
    (received,) = await denver.said(f"/v1/referrals/{again['referral_id']}", "referral_received")
    assert received["prior_episode_id"] == _id(hal)
    new = f"/v1/referrals/{again['referral_id']}"
    assert await denver.stage(new) == "REFERRED"
    assert {"stage", "screening_current"} <= (await denver.refuses(f"{new}/assessment", ASSESSED)).guards

    # S7: on 25 May the site is closed, which is nobody's fault.
    await mornings.live(date(2026, 5, 22))
    await mornings.live(date(2026, 5, 25))
    holiday = (await denver.said(fay, "session_missed"))[-1]
    assert (holiday["local_date"], holiday["kind"], holiday["consecutive_missed"]) == (
        "2026-05-25",
        "site_cancelled",
        11,
    )


async def thirty_days_later(mornings: Mornings, fay: str, flo: str, fen: str) -> None:
    denver = mornings.denver
    # S8: 29 days since she was last there.
    await denver.clock("2026-05-26T10:00")
    refusal = await denver.may_not(episode(fay), "discharge", GONE)
    assert (refusal.guards, refusal.fact("days")["value"]) == ({"days"}, 29)

    # S9: the twelfth in a row.
    await mornings.live(date(2026, 5, 27))
    last = (await denver.said(fay, "session_missed"))[-1]
    assert (last["at"].isoformat(), last["consecutive_missed"]) == ("2026-05-27T15:30:00+00:00", 12)

    # S10: 30 days, three attempts, three channels. One channel or two attempts are not enough.
    await denver.clock("2026-05-27T13:00")
    refusal = await denver.may_not(episode(flo), "discharge", GONE)
    assert (refusal.guards, refusal.fact("channels")["value"]) == ({"channels"}, 1)
    refusal = await denver.may_not(episode(fen), "discharge", GONE)
    assert (refusal.guards, refusal.fact("attempts")["value"]) == ({"attempts"}, 2)
    await denver.cares(episode(fay), "discharge", GONE)
    (gone,) = await denver.said(fay, "patient_discharged")
    told = [gone[k] for k in ("reason", "discharged_on", "last_service_on", "los_days", "teds_reason")]
    assert told == ["dropped_out_no_contact", "2026-05-27", "2026-04-27", 14, "dropped_out"]
    assert gone["at"].isoformat() == "2026-05-27T19:00:00+00:00"
    assert len(await denver.said(fay, "seat_released")) == 1
    assert (await denver.course(episode(fay)))["state"] == "DISCHARGED"
    assert await denver.transitions(fay) == ["T13", "T14", "T32"]

    # Nobody waits for her any more, and no reminder goes out.
    expected = await mornings.expected(date(2026, 5, 29))
    assert (_id(flo) in expected, _id(fay) in expected) == (True, False)
    before = len(await denver.said(fay, "notification_sent"))
    await mornings.live(date(2026, 5, 29))
    await mornings.live(date(2026, 6, 1))
    assert (await denver.said(fay, "session_missed"))[-1]["local_date"] == "2026-05-27"
    assert len(await denver.said(fay, "notification_sent")) == before
