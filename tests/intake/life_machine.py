"""One person's way through intake in any order: commands good and bad, scheduling's answers, time."""

import itertools
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.intake.life_bodies import BODIES, JUNK, wrecked
from tests.intake.life_houses import SITE, House
from tests.intake.life_model import HEARD, LEGAL, Life

PEOPLE = itertools.count()
COMMANDS = sorted(BODIES)
_ASSESSED = (("consents", 0), ("screening", 0), ("assessment", 0), ("coverage", 0))
_ALARMED = (("consents", 1), ("screening", 3))
_ASKED = (*_ASSESSED, ("seat-request", 0))
_WAITING = (*_ASKED, ("seat_unavailable", 0))
STARTS: dict[str, tuple[tuple[str, int], ...]] = {
    "referred": (),
    "screened": _ASSESSED[:2],
    "alarmed": _ALARMED,
    "alarmed and referred again": (*_ALARMED, ("decline", 0), ("referred again", 0)),
    "in detox": (("consents", 0), ("screening", 4), ("detox", 1)),
    "assessed": _ASSESSED,
    "seated": (*_ASKED, ("seat_held", 0)),
    "seated and alarmed": (*_ASKED, ("seat_held", 0), ("screening", 3), ("screening", 0)),
    "waiting": _WAITING,
    "offered": (*_WAITING, ("seat-request/out-of-turn", 0), ("seat_held", 0)),
    "admitted": (*_ASKED, ("seat_held", 0), ("admission", 0)),
}
"""Where a sequence begins: short ones would hardly ever come so far."""
NEXT = {
    "REFERRED": (("consents", 0), ("screening", 0), ("screening", 2)),
    "SCREENED": (("assessment", 0), ("detox", 0), ("assessment", 1)),
    "ASSESSED": (("coverage", 0), ("seat-request", 0), ("admission", 0)),
    "WAITLISTED": (("offer", 0), ("offer", 1), ("seat-request/out-of-turn", 0)),
    "DETOX_REFERRED": (("detox-return", 0), ("detox-return", 1), ("screening", 1)),
}


class Lives(RuleBasedStateMachine):
    """Every sequence is one person of their own in one house."""

    house: ClassVar[House]
    may_end: ClassVar[tuple[str, ...]] = ("ADMITTED", "ASSESSED", "DISCHARGED")
    passes: ClassVar[tuple[timedelta, ...]] = tuple(timedelta(hours=h) for h in (1, 23, 49, 8 * 24))

    @initialize(
        urgency=st.sampled_from(["routine", "urgent", "emergent"]),
        start=st.sampled_from(sorted(STARTS)),
    )
    def somebody_is_referred(self, urgency: str, start: str) -> None:
        self.name = f"P{next(PEOPLE)}"
        self.holds = itertools.count()
        self.blurred = False
        self.urgency = urgency
        self.life = self._referred()
        for step, which in STARTS[start]:
            if step == "seat_held":
                self._a_seat_is_held(hours=24 * 20)
            elif step == "seat_unavailable":
                self.no_seat_is_to_be_had(mine=1)
            elif step == "referred again":
                self.the_same_person_is_referred_again()
            else:
                assert self._command(step, BODIES[step][which]), step

    def _form(self) -> dict[str, Any]:
        person = {"given": "Rosa", "family": self.name, "birth_date": "1988-02-03", "phone": "617 555 0100"}
        return {"site_id": SITE, "source": "self", "urgency": self.urgency, "person": person}

    def _referred(self) -> Life:
        status, answer, _ = self.house.send("/v1/referrals", self._form())
        assert status == 201, answer
        life = Life(answer["referral_id"])
        view = self.house.row(life.id)
        life.version = view["version"]
        assert (view["stage"], answer["linked"]) == ("REFERRED", False)
        return life

    def _path(self, name: str, id: str | None = None) -> str:
        return f"/v1/referrals/{id or self.life.id}/{name}"

    def _command(
        self, name: str, body: Any, *, as_sent: Any = None, path: str = "", by: str = "admissions"
    ) -> bool:
        """Send a command; whatever comes of it is legal, or changes nothing."""
        sent = self._dated(body if as_sent is None else as_sent[0])
        status, answer, media = self.house.send(path or self._path(name), sent, by)
        if status != 201:
            self._refused(status, answer, media)
            return False
        assert answer["version"] >= self.life.version
        self.life.version = answer["version"]
        if as_sent is None and not self.blurred:
            self.life.accept(name, body, answer["stage"], self.house.now)
        else:
            # What was sent wrong and taken all the same: the model knows the stage, no longer the rest.
            self.blurred = True
            assert answer["stage"] in LEGAL[name][self.life.stage]
            self.life.stage = answer["stage"]
        return True

    def _refused(self, status: int, answer: dict[str, Any], media: str) -> None:
        assert 400 <= status < 500, (status, answer)
        assert media.startswith("application/problem+json")
        assert answer["code"]
        assert answer["detail"].endswith(".")
        if answer["code"] not in ("invalid", "forbidden"):
            self._unchanged()

    def _unchanged(self) -> None:
        assert self.house.stands(self.life.id) == (self.life.version, self.life.stage)

    def _dated(self, body: Any) -> Any:
        days = {"SOON": 5, "TODAY": 0}
        if not isinstance(body, dict):
            return body
        day = (self.house.now - timedelta(hours=6)).date()
        return {
            k: (day + timedelta(days=days[v])).isoformat() if isinstance(v, str) and v in days else v
            for k, v in body.items()
        }

    # Commands

    @rule(which=st.integers(0, 2))
    def what_comes_next(self, which: int) -> None:
        steps = NEXT.get(self.life.stage)
        if steps:
            step, body = steps[which % len(steps)]
            self._command(step, BODIES[step][body])

    @rule(which=st.integers(0, 2))
    def what_comes_next_again(self, which: int) -> None:
        self.what_comes_next(which)

    @rule(name=st.sampled_from(COMMANDS), which=st.integers(0, 20))
    def any_command(self, name: str, which: int) -> None:
        bodies = BODIES[name]
        self._command(name, bodies[which % len(bodies)])

    @rule(
        name=st.sampled_from(COMMANDS),
        place=st.integers(0, 9),
        junk=st.sampled_from(JUNK),
        how=st.sampled_from(["missing", "junk", "unknown", "other"]),
    )
    def a_command_sent_wrong(self, name: str, place: int, junk: Any, how: str) -> None:
        body = BODIES[name][0]
        if body is not None:
            self._command(name, body, as_sent=(wrecked(body, place, junk, how),))

    @rule(name=st.sampled_from(COMMANDS), by=st.sampled_from(["other site", "other network", "scheduler"]))
    def somebody_who_may_not(self, name: str, by: str) -> None:
        body = self._dated(BODIES[name][0])
        status, answer, media = self.house.send(self._path(name), body, by)
        assert status == (403 if by == "scheduler" else 404), answer
        self._refused(status, answer, media)

    @rule(name=st.sampled_from(COMMANDS), id=st.sampled_from(["nobody", "r-0", "x" * 65, "%00", "a b"]))
    def somebody_who_is_not(self, name: str, id: str) -> None:
        status, answer, media = self.house.send(self._path(name, id), self._dated(BODIES[name][0]))
        assert status in (404, 422), answer
        self._refused(status, answer, media)

    @rule()
    def the_same_person_is_referred_again(self) -> None:
        if self.life.stage in ("DECLINED", "DISCHARGED"):
            self._a_way_opens_anew()
            return
        form = self._form() | {"source": "hospital"}
        status, answer, _ = self.house.send("/v1/referrals", form)
        assert (status, answer["referral_id"], answer["linked"]) == (201, self.life.id, True)
        view = self.house.row(self.life.id)
        assert (view["stage"], view["version"] - self.life.version) in (
            (self.life.stage, 0),
            (self.life.stage, 2),
        )
        self.life.version = view["version"]

    def _a_way_opens_anew(self) -> None:
        """Every alert that was open goes along, the same as it stood, and is open nowhere else."""
        before, alerts = self.life, self._standing(self.life.id)
        severities = {kind: alert["severity"] for kind, alert in alerts.items()}
        assert self.blurred or severities == before.alerts
        self.life, self.blurred = self._referred(), False
        self.life.alerts = severities
        assert self.life.id != before.id
        assert self.house.row(self.life.id)["prior_episode_id"] == before.id
        assert (self._standing(self.life.id), self._standing(before.id)) == (alerts, {})
        # An alert that is overdue is told of again as soon as it has moved: until then the version may rise.
        self.house.advance(timedelta())
        self._moved("time")

    def _standing(self, id: str) -> dict[str, dict[str, Any]]:
        """The open alerts by their kind, without what time alone changes."""
        alerts = self.house.row(id)["alerts"]
        found = {a["kind"]: {k: v for k, v in a.items() if k != "escalations"} for a in alerts}
        assert len(found) == len(alerts), "two alerts of one kind are open"
        return found

    @rule(which=st.integers(0, 3), revoke=st.booleans())
    def a_consent_is_signed_or_revoked(self, which: int, revoke: bool) -> None:
        consents = self.house.row(self.life.id)["consents"]
        found = consents[which % len(consents)] if consents else {"id": "none", "kind": "", "missing": []}
        name, part = ("revocation", "revocation") if revoke else ("signatures", "signatures")
        path = self._path(f"consents/{found['id']}/{part}")
        done = self._command(name, None if revoke else {"signer": "patient"}, path=path)
        if done and found["kind"] == "treatment":
            still = [c for c in consents if c["kind"] == "treatment" and not c.get("missing") and c != found]
            self.life.signed = bool(still) if revoke else True

    @precondition(lambda self: self.life.alerts and self.life.stage != "ADMITTED")
    @rule(resolve=st.booleans(), by=st.sampled_from(["clinician", "clinician", "admissions"]))
    def an_alert_is_taken_in_hand(self, resolve: bool, by: str) -> None:
        alert: dict[str, Any] = next(
            iter(self.house.row(self.life.id)["alerts"]), {"id": "none", "acknowledged_at": None}
        )
        name = "resolution" if resolve else "acknowledgement"
        path = self._path(f"alerts/{alert['id']}/{name}")
        if self._command(name, {} if resolve else None, path=path, by=by) and resolve:
            assert alert.get("acknowledged_at")
            self.life.alerts.pop(alert["kind"], None)

    # What is heard

    def _heard(self, name: str, said: dict[str, Any], *, changes: bool) -> dict[str, Any]:
        kind = "progress" if name == "patient_discharged" else "scheduling"
        self.house.hear(
            f"{kind}.{name}.v1",
            {"site_id": SITE, "episode_id": self.life.id, **said},
            changes=self.life.id if changes else None,
        )
        return self._moved(name)

    def _moved(self, name: str) -> dict[str, Any]:
        view = self.house.row(self.life.id)
        assert view["stage"] in HEARD[name][self.life.stage], f"{name}: {self.life.stage} -> {view['stage']}"
        self.life.stage, self.life.version = view["stage"], view["version"]
        return view

    @precondition(lambda self: self.life.stage in ("ASSESSED", "WAITLISTED"))
    @rule(hours=st.sampled_from([1, 47, 24 * 20]))
    def seats_are_held(self, hours: int) -> None:
        if self.life.stage == "WAITLISTED":
            self._command("seat-request/out-of-turn", BODIES["seat-request/out-of-turn"][0])
        self._a_seat_is_held(hours)

    def _a_seat_is_held(self, hours: int, *, mine: bool = True) -> None:
        wish = self.house.row(self.life.id)["wish"]
        right = bool(wish and wish.get("open") and mine)
        hold, ends = f"{self.name}-{next(self.holds)}", self.house.now + timedelta(hours=hours)
        said = {
            "request_id": wish["request_id"] if right else "older",
            "seat_hold_id": hold,
            "start_on": "2026-06-01",
            "weekly_minutes": 720,
            "hold_expires_at": ends.isoformat(),
        }
        view = self._heard("seat_held", said, changes=right)
        assert bool(view["hold"] and view["hold"]["id"] == hold) is right
        if right:
            self.life.hold_until = ends
            offered = bool(view["entry"] and view["entry"].get("offer"))
            assert self.life.stage == "WAITLISTED" or not offered
            assert self.blurred or offered is self.life.may_be_offered()

    @precondition(lambda self: self.life.stage in ("ASSESSED", "WAITLISTED"))
    @rule()
    def seats_are_held_for_an_older_request(self) -> None:
        self._a_seat_is_held(24, mine=False)

    @precondition(lambda self: self.life.stage in ("ASSESSED", "WAITLISTED"))
    @rule(mine=st.integers(0, 4))
    def no_seat_is_to_be_had(self, mine: int) -> None:
        wish = self.house.row(self.life.id)["wish"]
        right = bool(wish and wish.get("open") and mine)
        was = self.life.stage
        said = {"request_id": wish["request_id"] if right else "older", "cause": "full"}
        self._heard("seat_unavailable", said, changes=right)
        assert self.life.stage == ("WAITLISTED" if right else was)
        if was != self.life.stage:
            self.life.for_payer = False

    @precondition(lambda self: self.life.hold_until is not None)
    @rule(mine=st.booleans())
    def seats_are_let_go(self, mine: bool) -> None:
        hold = self.house.row(self.life.id)["hold"]
        right = bool(mine and hold and self.life.stage in ("ASSESSED", "WAITLISTED"))
        said = {"seat_hold_id": hold["id"] if hold and mine else "older", "seats": 0, "cause": "hold_over"}
        self._heard("seat_released", said, changes=right)
        if right:
            self.life.hold_until = None

    @precondition(lambda self: self.life.stage in self.may_end)
    @rule()
    def the_episode_is_over(self) -> None:
        was = self.life.stage
        self._heard("patient_discharged", {"reason": "moved"}, changes=was == "ADMITTED")
        assert self.life.stage == ("DISCHARGED" if was == "ADMITTED" else was)

    @rule(which=st.integers(0, 3))
    def time_passes(self, which: int) -> None:
        if not self.passes[which]:
            return
        self.house.advance(self.passes[which])
        view = self._moved("time")
        assert bool(view["entry"]) is (self.life.stage == "WAITLISTED")
        if view["hold"] is None:
            self.life.hold_until = None

    def teardown(self) -> None:
        if not hasattr(self, "life"):
            return
        view = self.house.look(self.life.id)
        assert (view["version"], view["stage"]) == (self.life.version, self.life.stage)
        if not self.blurred:
            assert {a["kind"]: a["severity"] for a in view["alerts"]} == self.life.alerts
        self._leave(view)

    def _leave(self, view: dict[str, Any]) -> None:
        """Nobody is left behind for whom the house would be woken for ever."""
        for alert in view["alerts"]:
            if alert["acknowledged_at"] is None:
                self.house.send(self._path(f"alerts/{alert['id']}/acknowledgement"), None, "clinician")
        if self.life.stage == "WAITLISTED":
            self.house.send(self._path("decline"), {"reason": "patient_declined"})
