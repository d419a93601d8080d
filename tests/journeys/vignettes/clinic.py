"""A network in which a story happens: people act over HTTP, time passes, and what was said is read back."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from deploy.local.processes import Stack
from deploy.local.secrets import SERVICES
from deploy.local.story import connect
from deploy.local.timekeeper import Timekeeper

NO_SUICIDE_RISK = [0, 0, None, None, None, 0]
PACK = (
    {"kind": "treatment"},
    {
        "kind": "part2_tpo",
        "disclosers": ["this-program"],
        "recipients": [
            {"id": "ehr", "kind": "treating_provider"},
            {"id": "biller", "kind": "billing"},
            {"id": "payer", "kind": "third_party_payer"},
        ],
        "purposes": ["TREAT", "HPAYMT"],
        "info_categories": ["all"],
        "expires_event": "none",
    },
    {"kind": "contact_preferences", "channels": ["sms", "email"]},
)
"""The standard consents of the stories."""
ASSESSED = {
    "dimensions": [{"dimension": n, "rating": r} for n, r in enumerate("001122", 1)],
    "recommended_level": "2.1",
    "assessor_credential": "LADC",
    "diagnoses": [{"code": "F10.20", "rank": 1}],
    "availability": [{"dow": dow, "block": block} for dow in range(1, 6) for block in ("morning", "evening")],
}
_PHONES = itertools.count(1000)


def edition_4(level: str = "2.1") -> dict[str, Any]:
    """An assessment in the fourth edition, which rates five dimensions."""
    return {
        **ASSESSED,
        "dimensions": ASSESSED["dimensions"][:5],
        "recommended_level": {"edition": "4", "code": level},
    }


def form(site: str, source: str = "self", urgency: str = "routine", **person: Any) -> dict[str, Any]:
    """A plain referral of somebody new, unless the person is given."""
    who = {"given": "Ann", "family": "Other", "birth_date": "1990-04-05"} | person
    who.setdefault("phone", f"518 555 {next(_PHONES)}")
    return {"site_id": site, "source": source, "urgency": urgency, "person": who}


def answers(**instruments: Sequence[int | None]) -> list[dict[str, Any]]:
    """Instruments with their answers, as a screening carries them."""
    return [{"instrument": name, "answers": list(given)} for name, given in instruments.items()]


def screening(
    instruments: list[dict[str, Any]] | None = None,
    *,
    suicide: Sequence[int | None] = NO_SUICIDE_RISK,
    **more: Any,
) -> dict[str, Any]:
    """A whole screening; the suicide screener is part of it."""
    return {
        "instruments": [*(instruments or []), {"instrument": "cssrs", "answers": list(suicide)}],
        "home_safe": True,
        "needs_24h_supervision": False,
        "withdrawal_risk": "none",
    } | more


def goal(category: str, *, required: bool = True, **measure: Any) -> dict[str, Any]:
    """A goal of a plan; without a measure a clinician attests it."""
    measured = {"kind": "boolean"} | measure
    return {"category": category, "measure": measured, "required_for_step_down": required}


def criteria(step: dict[str, Any]) -> dict[str, int]:
    """What a recommendation rests on: the value of each of its criteria."""
    return {c["id"]: c["value"] for c in step["criteria"]}


def present(episode: str, late: int = 0, left_early: int = 0) -> dict[str, Any]:
    """A line of a roll call about somebody who is there."""
    minutes = {"late_minutes": late, "left_early_minutes": left_early}
    return {"episode_id": episode.rpartition("/")[2], "status": "present", **minutes}


def _week(slots: Sequence[dict[str, Any]], more: dict[str, Any]) -> dict[str, Any]:
    body = {"agreed_by_patient": True, "agreed_by_clinician": True} | more
    return body | ({"slots": list(slots)} if slots else {})


@dataclass
class Answer:
    """What a request got."""

    status: int
    body: dict[str, Any]

    @property
    def guards(self) -> set[str]:
        return {f["guard"] for f in self.body.get("facts", {}).get("failed", [])}

    def fact(self, guard: str) -> dict[str, Any]:
        found: dict[str, Any] = next(f for f in self.body["facts"]["failed"] if f["guard"] == guard)
        return found


@dataclass
class Clinic:
    """One network with its sites."""

    stack: Stack
    keeper: Timekeeper
    http: httpx.AsyncClient
    network: str
    tz: str
    sites: list[str] = field(default_factory=list)
    _steps: Any = field(default_factory=lambda: itertools.count(1))

    async def clock(self, local: str) -> datetime:
        """Let time pass until an instant of the site's wall clock; every wake rings at its own."""
        at = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(self.tz))
        await self.keeper.advance(at)
        return at

    async def post(
        self,
        path: str,
        body: Any = None,
        *,
        service: str = "intake",
        role: str = "admissions",
        sites: Sequence[str] | None = None,
        fhir: bool = False,
    ) -> Answer:
        """Somebody of a role acts; the network comes to rest before the answer is looked at."""
        token = self.stack.token(role, self.network, self.sites if sites is None else sites)
        headers = {
            "authorization": f"Bearer {token}",
            "idempotency-key": f"{self.network}-{next(self._steps)}",
        }
        headers["content-type"] = "application/fhir+json" if fhir else "application/json"
        content = b"" if body is None else json.dumps(body)
        got = await self.http.post(f"{self.stack.url(service)}{path}", content=content, headers=headers)
        self.keeper.touch(service)
        await self.keeper.quiet()
        assert got.status_code < 500, got.text
        return Answer(got.status_code, got.json())

    async def does(self, path: str, body: Any = None, **how: Any) -> dict[str, Any]:
        """Something that must be taken."""
        answer = await self.post(path, body, **how)
        assert answer.status == 201, answer.body
        return answer.body

    async def refuses(self, path: str, body: Any = None, **how: Any) -> Answer:
        """Something that must be refused; nothing may be said or changed by it."""
        before = await self._journalled()
        answer = await self.post(path, body, **how)
        assert 400 <= answer.status < 500, answer.body
        assert await self._journalled() == before
        return answer

    async def get(
        self,
        path: str,
        role: str = "admissions",
        sites: Sequence[str] | None = None,
        service: str = "intake",
    ) -> dict[str, Any]:
        token = self.stack.token(role, self.network, self.sites if sites is None else sites)
        got = await self.http.get(
            f"{self.stack.url(service)}{path}", headers={"authorization": f"Bearer {token}"}
        )
        assert got.status_code == 200, got.text
        found: dict[str, Any] = got.json()
        return found

    async def opens(self, site: str, *, group: dict[str, Any] | None = None, part2: bool = True) -> None:
        """A site opens, perhaps with a group."""
        self.sites.append(site)
        hours = {"opens_local": "08:00", "closes_local": "24:00"}
        body = {"site_id": site, "tz": self.tz, "part2": part2, **hours}
        await self.does("/v1/sites", body, service="scheduling", role="operator")
        if group is not None:
            more = {"kind": "relapse_prevention", "levels": ["2.1"], "capacity": 12}
            await self.does(
                "/v1/groups", {"site_id": site, **more, **group}, service="scheduling", role="operator"
            )

    async def refers(self, **who: Any) -> str:
        """A referral comes in; the path to it."""
        answer = await self.does("/v1/referrals", form(**who))
        return f"/v1/referrals/{answer['referral_id']}"

    async def signs(self, path: str, *consents: dict[str, Any]) -> None:
        for consent in consents or PACK:
            await self.does(f"{path}/consents", consent)

    async def admits(
        self,
        site: str,
        *,
        coverage: dict[str, Any],
        authorization: dict[str, Any],
        wish: dict[str, Any],
        program_id: str = "adult_sud_day",
        assessment: dict[str, Any] = ASSESSED,
        screened: list[dict[str, Any]] | None = None,
        **person: Any,
    ) -> str:
        """Somebody comes all the way in on one morning; the path to their episode."""
        path = await self.refers(site=site, **person)
        await self.signs(path)
        await self.does(f"{path}/screening", screening(screened))
        await self.does(f"{path}/assessment", assessment)
        await self.does(f"{path}/coverage", coverage)
        await self.does(f"{path}/authorization", authorization)
        await self.does(f"{path}/seat-request", wish)
        admission = {"program_id": program_id, "primary_clinician_id": "clinician"}
        await self.does(f"{path}/admission", admission | {"program_kind": wish["program_kind"]})
        return path.replace("referrals", "episodes")

    async def agrees(self, episode: str, *slots: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Patient and clinician agree on a week."""
        return await self.does(
            f"{episode}/schedule", _week(slots, more), service="scheduling", role="clinician"
        )

    async def may_not_agree(self, episode: str, *slots: dict[str, Any], **more: Any) -> Answer:
        """A week that patient and clinician would like, and that is refused."""
        return await self.refuses(
            f"{episode}/schedule", _week(slots, more), service="scheduling", role="clinician"
        )

    async def meets(
        self, on: str, *marks: dict[str, Any], group: str | None = None, until: str | None = None
    ) -> None:
        """A session is held: the roll is called after five minutes, and time passes to its end or before."""
        found = await self.get(f"/v1/sessions?on={on}", role="clinician", service="scheduling")
        (session,) = [s for s in found["items"] if group in (None, s["group_id"])]
        begins, ends = (datetime.fromisoformat(session[at]) for at in ("start_at", "end_at"))
        await self.keeper.advance(begins + timedelta(minutes=5))
        if marks:
            call = f"/v1/sessions/{session['session_id']}/roll-call"
            await self.does(call, {"entries": list(marks)}, service="scheduling", role="clinician")
        if until is not None:
            await self.clock(f"{on}T{until}")
            return
        await self.keeper.advance(ends)

    async def cares(
        self, episode: str, what: str, body: Any = None, role: str = "clinician"
    ) -> dict[str, Any]:
        """Something about somebody's care that must be taken."""
        return await self.does(f"{episode}/{what}", body, service="progress", role=role)

    async def may_not(self, episode: str, what: str, body: Any = None, role: str = "clinician") -> Answer:
        """Something about somebody's care that must be refused."""
        return await self.refuses(f"{episode}/{what}", body, service="progress", role=role)

    async def signs_plan(self, episode: str, *goals: dict[str, Any], review: bool = False) -> list[str]:
        """Patient and clinician sign a plan, or what a review made of it; the ids of its goals."""
        body = {"goals": list(goals), "signed_by_patient": True, "signed_by_clinician": True}
        answer = await self.cares(episode, "plan/review" if review else "plan", body)
        return [goal["goal_id"] for goal in answer["goals"]]

    async def attests(self, episode: str, goal_id: str) -> None:
        await self.cares(episode, f"goals/{goal_id}/attest")

    async def measures(
        self, episode: str, instrument: str, answered: Sequence[int | None], **more: Any
    ) -> Any:
        """An instrument is filled in; what was said of it."""
        body = {"instrument": instrument, "answers": list(answered)} | more
        await self.cares(episode, "measures", body)
        return (await self.said(episode, "measure_recorded", "profile_recorded"))[-1]

    async def told(self, path: str, since: str = "", role: str | None = None) -> list[tuple[str, str]]:
        """The messages that left the house from an instant on, each with who got it."""
        sent = await self.said(path, "notification_sent")
        return [
            (m["template_id"], m["recipient_role"])
            for m in sent
            if m["sent_at"] >= since and role in (None, m["recipient_role"])
        ]

    async def approves(self, step: dict[str, Any], effective_on: str, **more: Any) -> None:
        """A recommendation is approved as it stands."""
        body = {"effective_on": effective_on, "patient_agreed": True} | more
        await self.cares(f"/v1/recommendations/{step['recommendation_id']}", "approve", body)

    async def may_not_approve(self, step: dict[str, Any], effective_on: str, **more: Any) -> Answer:
        """An approval that is refused."""
        body = {"effective_on": effective_on, "patient_agreed": True} | more
        return await self.may_not(f"/v1/recommendations/{step['recommendation_id']}", "approve", body)

    async def on_the_table(self, episode: str) -> list[str]:
        """The ids of the recommendations that wait for a clinician."""
        found = await self.get("/v1/recommendations", role="clinician", service="progress")
        return [r["recommendation_id"] for r in found["items"] if r["episode_id"] in episode]

    async def course(self, episode: str) -> dict[str, Any]:
        """How treatment stands."""
        return await self.get(episode, role="clinician", service="progress")

    async def transitions(self, episode: str) -> list[str]:
        """How an episode moved from state to state, by the numbers of the transitions."""
        return [e["transition"] for e in await self.said(episode, "episode_state_changed")]

    async def stage(self, path: str) -> str:
        return str((await self.get(path))["stage"])

    async def said(self, path: str, *names: str) -> list[dict[str, Any]]:
        """What was said about a person, in the order of the stream, each with its id, name and instant."""
        id = path.rpartition("/")[2]
        found: list[Any] = []
        db = await connect(self.stack)
        try:
            for service in SERVICES:
                told = f"SELECT event_id, type, at, stream_seq, body FROM {service}.outbox"
                found += await db.fetch(f"{told} WHERE aggregate_id = $1", id)
        finally:
            await db.close()
        found.sort(key=lambda row: row["stream_seq"])
        events = [
            {
                "id": row["event_id"],
                "event": row["type"].split(".")[1],
                "at": row["at"],
                **json.loads(row["body"]),
            }
            for row in found
        ]
        return [event for event in events if not names or event["event"] in names]

    async def heard(self, path: str) -> list[str]:
        """The names of all that was said about a person, in order; messages to staff and patient left out."""
        names = [event["event"] for event in await self.said(path)]
        return [name for name in names if not name.startswith("notification_")]

    async def _journalled(self) -> int:
        db = await connect(self.stack)
        try:
            return sum([await db.fetchval(f"SELECT count(*) FROM {s}.journal") for s in SERVICES])
        finally:
            await db.close()
