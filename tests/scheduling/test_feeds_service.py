"""Calendar feeds of a running service: of a clinician, of a room, and of one person by a link."""

import asyncio
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from contracts.scheduling import SessionReassigned
from deploy.local.secrets import ADMIN
from services.chassis import codec
from services.scheduling.domain import links, sessions
from services.scheduling.domain.sessions import Session
from tests.scheduling.house import NETWORK, SITES, House
from tests.scheduling.ical import events, unfolded

STAFF = "/v1/clinicians/kim/calendar.ics"
ROOM = "/v1/rooms/elm/blue/calendar.ics"


@pytest.fixture(scope="module", autouse=True)
def loud() -> Iterator[None]:
    """Whatever can be logged is logged."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HANDRAIL_LOG_LEVEL", "DEBUG")
        yield


@pytest.fixture(scope="module")
def group(house: House) -> str:
    """A group of elm, whose first week Kim leads in the blue room, with one person in it."""
    group_id = house.open("elm", kind="dbt")
    house.ask("elm", "ep-link")
    house.admit("elm", "ep-link")
    house.agree("ep-link").raise_for_status()
    for row in ids_of(house, group_id)[:5]:
        led = SessionReassigned(
            network_id=NETWORK,
            site_id="elm",
            session_id=row,
            facilitator_id="kim",
            room_id="blue",
            cause="test",
        )
        record(house, row, lambda _, led=led: [led])
    return group_id


def ids_of(house: House, group_id: str) -> list[str]:
    query = "SELECT id FROM scheduling.sessions WHERE group_id = $1 ORDER BY local_date"
    return [row["id"] for row in house.rows(query, group_id)]


def record(house: House, session_id: str, decide: Any) -> None:
    """Fold facts into a session as a command of it would."""
    [row] = house.rows("SELECT state::text, version FROM scheduling.sessions WHERE id = $1", session_id)
    state, version = codec.load(Session, row["state"]), row["version"]
    for fact in decide(state):
        state, version = sessions.evolve(state, fact), version + 1
        house.rows(
            "INSERT INTO scheduling.journal VALUES ('sessions', $1, $2, $3, $4, 'test', $5, $5)",
            session_id,
            version,
            fact.type(),
            codec.dump(fact),
            datetime.fromisoformat(house.standing()["now"]),
        )
        house.rows(
            "UPDATE scheduling.sessions SET state = $2::jsonb, version = $3 WHERE id = $1",
            session_id,
            codec.dump(state),
            version,
        )


def staff(house: House, path: str, role: str = "clinician", **headers: str) -> httpx.Response:
    with house.client(role) as client:
        return client.get(path, headers=headers)


def stranger(house: House, path: str, **headers: str) -> httpx.Response:
    """Ask without a bearer token."""
    return httpx.get(house.stack.url("scheduling") + path, headers=headers, timeout=10)


def make(house: House, episode: str = "ep-link", key: str = "") -> httpx.Response:
    with house.client("clinician") as client:
        headers = {"idempotency-key": key} if key else {}
        return client.post(f"/v1/episodes/{episode}/calendar-link", headers=headers)


def path_of(house: House) -> str:
    return str(make(house).raise_for_status().json()["path"])


def assert_private(reply: httpx.Response) -> None:
    assert reply.headers["cache-control"] == "private, no-store"
    assert reply.headers["referrer-policy"] == "no-referrer"


def listed(house: House, group: str, days: int = 5) -> dict[str, dict[str, Any]]:
    """The sessions of the first days, as the list of sessions has them."""
    first = datetime(2026, 10, 5, tzinfo=UTC).date()
    found = (s for n in range(days) for s in house.sessions("elm", str(first + timedelta(days=n))))
    return {s["session_id"]: s for s in found if s["group_id"] == group}


@pytest.mark.parametrize("path", [STAFF, ROOM])
def test_a_feed_of_staff_has_the_sessions_of_the_calendar(house: House, group: str, path: str) -> None:
    reply = staff(house, path)

    assert reply.headers["content-type"] == "text/calendar; charset=utf-8"
    assert_private(reply)
    found, expected = events(reply.content), listed(house, group)
    assert len(expected) == 5
    assert set(found) == set(expected)
    for session_id, session in expected.items():
        event = found[session_id]
        times = [datetime.fromisoformat(session[k]) for k in ("start_at", "end_at")]
        assert [event["start"], event["end"]] == times
        assert (event["zone"], event["summary"]) == ("America/New_York", "DBT, room blue")
        assert event["description"] == f"{len(session['roster'])} booked"
    assert {e["description"] for e in found.values()} == {"0 booked", "1 booked"}
    assert "ep-link" not in reply.text


def test_a_feed_of_staff_is_for_staff_of_the_site(house: House, group: str) -> None:
    elsewhere = house.stack.token("clinician", "south", SITES)
    oak = house.stack.token("clinician", NETWORK, ("oak",))

    answers = {
        "biller": staff(house, STAFF, "biller").status_code,
        "referrer": staff(house, ROOM, "referrer").status_code,
        "nobody": stranger(house, STAFF).status_code,
        "room of another site": stranger(house, ROOM, authorization=f"Bearer {oak}").status_code,
    }
    empty = [stranger(house, STAFF, authorization=f"Bearer {token}") for token in (elsewhere, oak)]
    foreign = stranger(house, ROOM, authorization=f"Bearer {elsewhere}")

    assert answers == {"biller": 403, "referrer": 403, "nobody": 401, "room of another site": 404}
    assert [events(reply.content) for reply in empty] == [{}, {}]
    assert events(foreign.content) == {}


def test_who_has_the_feed_already_is_told_that_nothing_changed(house: House, group: str) -> None:
    for path, ask in ((STAFF, staff), (path_of(house), stranger)):
        tag = ask(house, path).headers["etag"]

        again = [ask(house, path, **{"if-none-match": known}) for known in (tag, f'"x", W/{tag}', "*")]
        other = ask(house, path, **{"if-none-match": '"x"'})

        assert [(reply.status_code, reply.content) for reply in again] == [(304, b"")] * 3
        assert other.status_code == 200
        for reply in again:
            assert reply.headers["etag"] == tag
            assert_private(reply)


def test_a_link_shows_when_and_nothing_else(house: House, group: str) -> None:
    reply = stranger(house, path_of(house))

    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    assert_private(reply)
    booked = {
        (datetime.fromisoformat(s["start_at"]), datetime.fromisoformat(s["end_at"]))
        for s in listed(house, group, 15).values()
        if s["roster"]
    }
    found = events(reply.content)
    assert {(e["start"], e["end"]) for e in found.values()} == booked
    assert len(found) == len(booked) == 7
    assert {(e["summary"], e["description"]) for e in found.values()} == {("Appointment", "")}
    told = "\n".join(unfolded(reply.content)).lower()
    hidden = (
        "ep-link",
        "p-",
        "dbt",
        "group",
        "kim",
        "blue",
        "elm",
        "north",
        "handrail",
        *ids_of(house, group),
    )
    assert not [word for word in hidden if word in told]


def test_a_cancelled_session_stays_in_the_feeds_as_cancelled(house: House, group: str) -> None:
    path, session_id = path_of(house), ids_of(house, group)[2]
    before = {p: ask(house, p) for p, ask in ((STAFF, staff), (path, stranger))}
    theirs = {p: uid_at(house, reply, session_id) for p, reply in before.items()}
    house.until(datetime.fromisoformat(house.standing()["now"]) + timedelta(minutes=1))

    record(house, session_id, lambda state: sessions.cancel(state, "snow"))

    assert theirs[STAFF] == session_id
    for p, ask in ((STAFF, staff), (path, stranger)):
        after = ask(house, p)
        was, event = events(before[p].content)[theirs[p]], events(after.content)[theirs[p]]
        assert (was["status"], event["status"]) == ("CONFIRMED", "CANCELLED")
        assert event["sequence"] > was["sequence"]
        assert event["changed"] > was["changed"]
        assert (event["start"], event["end"]) == (was["start"], was["end"])
        assert after.headers["etag"] != before[p].headers["etag"]
        assert "snow" not in after.text


def uid_at(house: House, reply: httpx.Response, session_id: str) -> str:
    [row] = house.rows("SELECT state->>'start_at' AS at FROM scheduling.sessions WHERE id = $1", session_id)
    start = datetime.fromisoformat(row["at"])
    return next(uid for uid, event in events(reply.content).items() if event["start"] == start)


def test_a_link_that_leads_nowhere_does_not_say_why(house: House, group: str) -> None:
    replaced, revoked = path_of(house), path_of(house)
    with house.client("scheduler") as client:
        told = client.post("/v1/episodes/ep-link/calendar-link/revoke").raise_for_status().json()
        again = client.post("/v1/episodes/ep-link/calendar-link/revoke").raise_for_status().json()
    others = ["x", "a" * 2000, "%00", "%ff", "..%5c", "' OR 1=1 --", hashlib.sha256(b"").hexdigest()]
    expired = path_of(house)
    house.rows(
        "UPDATE scheduling.calendar_links SET state = jsonb_set(state, '{expires_at}', to_jsonb($1::text)) "
        "WHERE id = 'ep-link'",
        house.standing()["now"],
    )

    paths = [replaced, revoked, expired, *(f"/v1/calendars/{other}.ics" for other in others)]
    answers = {p: stranger(house, p) for p in paths}

    assert (told["revoked"], again["revoked"]) == (True, False)
    assert {reply.status_code for reply in answers.values()} == {404}
    assert len({reply.content for reply in answers.values()}) == 1
    assert {reply.headers["content-type"] for reply in answers.values()} == {"application/problem+json"}


def test_a_link_lasts_as_long_as_was_said(house: House, group: str) -> None:
    made = make(house).raise_for_status()
    expires = datetime.fromisoformat(made.json()["expires_at"])

    assert expires == datetime.fromisoformat(house.standing()["now"]) + links.LASTS
    assert_private(made)
    assert stranger(house, made.json()["path"]).status_code == 200


def test_a_link_is_made_by_staff_for_a_patient_of_theirs(house: House, group: str) -> None:
    path = "/v1/episodes/ep-link/calendar-link"
    house.open("oak")
    house.ask("oak", "ep-waiting")
    house.wait_for("ep-waiting", "seat_held")
    oak = house.stack.token("clinician", NETWORK, ("oak",))
    south = house.stack.token("clinician", "south", SITES)
    url = house.stack.url("scheduling")

    for more in ("", "/revoke"):
        answers = [
            httpx.post(url + path + more, headers={"authorization": f"Bearer {token}"}).status_code
            for token in (oak, south, house.stack.token("biller", NETWORK, SITES))
        ]
        assert answers == [404, 404, 403]
        assert httpx.post(url + path + more).status_code == 401
    assert make(house, "ep-nobody").status_code == 404
    refused = make(house, "ep-waiting")
    assert (refused.status_code, refused.json()["code"]) == (409, "link_refused")


def test_a_repeat_is_not_shown_the_link_again(house: House, group: str) -> None:
    first = make(house, key="once").raise_for_status().json()

    again = make(house, key="once")

    assert (again.status_code, again.json()["code"]) == (409, "shown_already")
    assert stranger(house, first["path"]).status_code == 200


def test_the_token_is_kept_nowhere(house: House, group: str) -> None:
    path = path_of(house)
    token = path.removeprefix("/v1/calendars/").removesuffix(".ics")
    assert len(token) >= 43
    stranger(house, path)
    stranger(house, path + "x")
    # A request that fails is the one that is logged.
    assert asyncio.run(_while_nobody_can_read(house, path)) == 503

    tables = house.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'scheduling'")
    held = [
        t["tablename"]
        for t in tables
        if house.rows(f"SELECT 1 FROM scheduling.{t['tablename']} t WHERE strpos(t::text, $1) > 0", token)
    ]
    digest = hashlib.sha256(token.encode()).hexdigest()
    logs = {p.name: p.read_text(errors="replace") for p in (house.stack.data / "logs").glob("*.log")}

    assert len(house.rows("SELECT 1 FROM scheduling.calendar_links WHERE digest = $1", digest)) == 1
    assert held == []
    assert '"unavailable"' in logs["scheduling.log"]
    assert not [name for name, text in logs.items() if token in text or "/v1/calendars/" in text]


async def _while_nobody_can_read(house: House, path: str) -> int:
    db = await asyncpg.connect(**house.stack.pg_dsn_kwargs(ADMIN))
    try:
        async with db.transaction():
            await db.execute("LOCK TABLE scheduling.calendar_links")
            async with httpx.AsyncClient(base_url=house.stack.url("scheduling"), timeout=60) as client:
                return (await client.get(path)).status_code
    finally:
        await db.close()


def test_the_description_names_calendars(house: House) -> None:
    document = house.operator.get("/openapi.json").json()["paths"]
    calendars = {path: said["get"] for path, said in document.items() if path.endswith("calendar.ics")}
    calendars["link"] = document["/v1/calendars/{token}.ics"]["get"]

    assert len(calendars) == 3
    for said in calendars.values():
        assert list(said["responses"]["200"]["content"]) == ["text/calendar"]
        assert "304" in said["responses"]
    assert [path for path, said in calendars.items() if not said.get("security")] == ["link"]


def test_a_session_of_an_earlier_month_is_in_no_feed(house: House, group: str) -> None:
    house.until(datetime(2026, 11, 4, 12, tzinfo=UTC))

    assert sorted(e["start"].day for e in events(staff(house, STAFF).content).values()) == [7, 8, 9]
    assert all(e["start"].month == 11 for e in events(stranger(house, path_of(house)).content).values())
