"""What became of everybody, and whether it adds up: events on one side, how people stand on the other."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Told = tuple[str, str, datetime, Mapping[str, Any]]
"""Type, episode, instant and body of an event."""

REFERRED = "intake.referral_received.v1"
DECLINED = "intake.referral_declined.v1"
ADMITTED = "intake.patient_admitted.v1"
DISCHARGED = "progress.patient_discharged.v1"
SCREENED = "intake.patient_screened.v1"
AFTERCARE = "progress.aftercare_planned.v1"
EXTENDED = "progress.extension_approved.v1"
STEPPED_DOWN = "progress.step_down_approved.v1"
STEPPED_UP = "progress.step_up_approved.v1"
WAITLISTED = "intake.patient_waitlisted.v1"
OFFERS = {
    "made": "intake.waitlist_offer_made.v1",
    "accepted": "intake.waitlist_offer_accepted.v1",
    "declined": "intake.waitlist_offer_declined.v1",
    "expired": "intake.waitlist_offer_expired.v1",
}
ALERTS = {
    "raised": "safety_alert_raised.v1",
    "escalated": "safety_alert_escalated.v1",
    "acknowledged": "safety_alert_acknowledged.v1",
    "resolved": "safety_alert_resolved.v1",
}
PAYER_REASONS = ("authorization_pended", "coverage_pended")
PEOPLE = {
    "intake.detox_referred.v1": "sent_to_detox",
    "scheduling.session_attended.v1": "attended",
    EXTENDED: "extended",
    STEPPED_DOWN: "stepped_down",
    STEPPED_UP: "stepped_up",
    AFTERCARE: "aftercare_planned",
    "progress.alumni_enrolled.v1": "alumni",
    "progress.episode_held.v1": "held",
    "progress.episode_resumed.v1": "resumed",
    "progress.patient_died.v1": "died",
}
"""Events of which each person counts once."""
TIMES = {
    "intake.referral_linked.v1": "linked",
    "intake.authorization_running_low.v1": "authorizations_low",
    "intake.consent_revoked.v1": "consents_revoked",
    "progress.treatment_plan_reviewed.v1": "plans_reviewed",
    "progress.measures_missed.v1": "measures_missed",
    "progress.relapse_responded.v1": "relapses_answered",
    "progress.review_task_closed.v1": "tasks_closed",
    "progress.recertification_recorded.v1": "recertified",
    "progress.community_referral_made.v1": "referred_outside",
    "progress.referral_loop_closed.v1": "loops_closed",
}
"""Events of which each counts."""
WANTED = (SCREENED, REFERRED, DECLINED, ADMITTED, DISCHARGED, WAITLISTED, *OFFERS.values(), *PEOPLE, *TIMES)

ON_THE_WAY = ("REFERRED", "SCREENED", "DETOX_REFERRED", "ASSESSED", "WAITLISTED")
IN_CARE = ("ADMITTED", "SCHEDULED", "ATTENDING", "STEP_UP_PENDING", "AFTERCARE", "ALUMNI")
TREATED = ("AFTERCARE", "ALUMNI", "DISCHARGED")
"""Whose intensive treatment is over."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How many referrals and episodes stand at each stage, as intake and progress keep them."""

    referrals: Mapping[str, int]
    episodes: Mapping[str, int]

    def on_the_way(self) -> dict[str, int]:
        """Who is neither declined nor admitted, by stage."""
        return {stage.lower(): self.referrals[stage] for stage in ON_THE_WAY if self.referrals.get(stage)}

    def in_care(self) -> dict[str, int]:
        """Who is admitted and not discharged, by state; a state nobody foresaw counts too."""
        known = {state: self.episodes.get(state, 0) for state in IN_CARE}
        rest = {s: n for s, n in self.episodes.items() if s not in (*IN_CARE, "DISCHARGED")}
        return {state.lower(): n for state, n in (known | rest).items() if n}


def outcomes_of(told: Iterable[Told], standing: Standing) -> dict[str, Any]:
    """Outcomes from events, with those still on their way or in care from how people stand."""
    told = list(told)
    people: dict[str, set[str]] = {name: set() for name in ("referred", "waitlisted", "waited_for_payer")}
    people |= {name: set() for name in PEOPLE.values()}
    declined: Counter[str] = Counter()
    discharged: Counter[str] = Counter()
    admitted: set[str] = set()
    for type, episode, _, body in told:
        if type == REFERRED:
            people["referred"].add(episode)
        elif type == DECLINED:
            declined[str(body["reason"])] += 1
        elif type == DISCHARGED:
            discharged[str(body["reason"])] += 1
        elif type == ADMITTED:
            admitted.add(episode)
        elif type == WAITLISTED:
            unpaid = body.get("priority_reason") in PAYER_REASONS
            people["waited_for_payer" if unpaid else "waitlisted"].add(episode)
        elif type in PEOPLE:
            people[PEOPLE[type]].add(episode)
    types = Counter(type for type, *_ in told)
    return {
        **{name: len(episodes) for name, episodes in people.items()},
        "admitted": len(admitted),
        "on_the_way": standing.on_the_way(),
        "declined": dict(sorted(declined.items())),
        "in_care": standing.in_care(),
        "attending": standing.episodes.get("ATTENDING", 0),
        "in_aftercare": standing.episodes.get("AFTERCARE", 0),
        "discharged": dict(sorted(discharged.items())),
        "offers": {name: types[type] for name, type in OFFERS.items()},
        "alerts": _alerts(told),
        **{name: types[type] for type, name in TIMES.items()},
    }


def _alerts(told: Iterable[Told]) -> dict[str, int]:
    """Alerts before and after admission, each once for whatever befell it."""
    found: dict[str, set[str]] = {name: set() for name in (*ALERTS, "late")}
    for type, _, _, body in told:
        for name, ending in ALERTS.items():
            if type.endswith(ending):
                found[name].add(str(body["alert_id"]))
                if body.get("late"):
                    found["late"].add(str(body["alert_id"]))
    return {name: len(alerts) for name, alerts in found.items()}


def endings(told: Iterable[Told]) -> dict[str, str]:
    """How the treatment of each episode ended, as TEDS-D groups it: going on to aftercare completes it."""
    ended: dict[str, str] = {}
    for type, episode, _, body in told:
        if type == AFTERCARE:
            ended[episode] = "completed"
        elif type == STEPPED_UP and body.get("kind") == "readmit":
            ended.pop(episode, None)
        elif type == DISCHARGED:
            ended.setdefault(episode, str(body["teds_reason"]))
    return ended


def disagreements(told: Sequence[Told], standing: Standing) -> list[str]:
    """What does not add up, as sentences; none where everybody is accounted for exactly once.

    Events tell who was referred, declined, admitted and discharged; the services' own books tell
    who is still on the way or in care. One that is missing, doubled or made up shows in a sum.
    """
    events = {REFERRED: Counter[str](), DECLINED: Counter(), ADMITTED: Counter(), DISCHARGED: Counter()}
    for type, episode, *_ in told:
        if type in events:
            events[type][episode] += 1
    referred, declined, admitted, discharged = (each.total() for each in events.values())
    books = standing.referrals
    on_the_way, in_care = sum(standing.on_the_way().values()), sum(standing.in_care().values())
    treated = sum(standing.episodes.get(state, 0) for state in TREATED)
    wrong = [
        _sum("whose treatment ended", len(endings(told)), {"after it in progress's books": treated}),
        _sum("referred", referred, {"on the way": on_the_way, "declined": declined, "admitted": admitted}),
        _sum("admitted", admitted, {"in care": in_care, "discharged": discharged}),
        _sum("referrals in intake's books", sum(books.values()), {"referred": referred}),
        _sum("declined in intake's books", books.get("DECLINED", 0), {"declined": declined}),
        _sum(
            "admitted in intake's books",
            books.get("ADMITTED", 0) + books.get("DISCHARGED", 0),
            {"admitted": admitted},
        ),
        _sum("discharged in intake's books", books.get("DISCHARGED", 0), {"discharged": discharged}),
        _sum("episodes in progress's books", sum(standing.episodes.values()), {"admitted": admitted}),
        *_twice(events),
    ]
    return [sentence for sentence in wrong if sentence]


def _sum(what: str, whole: int, parts: Mapping[str, int]) -> str:
    if whole == sum(parts.values()):
        return ""
    return f"{whole} {what} are not {' + '.join(f'{n} {name}' for name, n in parts.items())}."


def _twice(events: Mapping[str, Counter[str]]) -> list[str]:
    """Nobody is at two ends, or at one without its beginning."""
    wrong = [
        f"{episode} is told of {n} times by {type}."
        for type, people in events.items()
        for episode, n in people.items()
        if n > 1
    ]
    wrong += [f"{e} is declined and admitted." for e in events[DECLINED].keys() & events[ADMITTED].keys()]
    before = {DECLINED: REFERRED, ADMITTED: REFERRED, DISCHARGED: ADMITTED}
    for type, needed in before.items():
        wrong += [
            f"{episode} has {type} without {needed}."
            for episode in events[type].keys() - events[needed].keys()
        ]
    return sorted(wrong)
