"""A person's way told step by step: hear an event, let time pass, look at what left the house."""

from datetime import UTC, datetime
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from contracts.decisions import Moment, Unwake, Wake
from contracts.event import Event
from contracts.intake import ReferralReceived, WaitlistOfferMade
from contracts.notify import NotificationSuppressed
from contracts.vocabulary import ReferralSource, Urgency
from services.notify import domain
from services.notify.app import service
from tests.notify.people import COMMON, NEW_YORK, QUIET, RULES, SYSTEM

_STATE: TypeAdapter[domain.Person] = TypeAdapter(domain.Person)


def local(wall: str, tz: str) -> datetime:
    """An instant by the wall clock of a place."""
    return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(tz)).astimezone(UTC)


def offer(made: str, ends: str, tz: str = NEW_YORK, **changes: Any) -> WaitlistOfferMade:
    fields: dict[str, Any] = {
        "waitlist_entry_id": "wl-1",
        "seat_hold_id": "h-1",
        "offered_at": local(made, tz),
        "offer_expires_at": local(ends, tz),
    }
    return WaitlistOfferMade(**COMMON, **(fields | changes))


class Story:
    """Runs the service's own table and lets what is queued pass the gate when its time has come."""

    def __init__(self, tz: str = NEW_YORK) -> None:
        self.tz = tz
        self.now = local("2026-01-01 12:00", tz)
        self.person: Any = None
        self.journal: list[Any] = []
        self.wakes: dict[str, datetime] = {}
        self.letters: list[tuple[datetime, domain.Letter]] = []
        self._causes = count(1)

    def referred(self) -> "Story":
        return self.hear(
            ReferralReceived(
                **COMMON, source=ReferralSource.PCP, urgency=Urgency.ROUTINE, received_at=self.now, tz=self.tz
            )
        )

    def at(self, wall: str) -> "Story":
        """Let time pass until then by the wall clock of the site."""
        until = local(wall, self.tz)
        self._send_until(until)
        self.now = until
        return self

    def hear(self, *events: Event) -> "Story":
        """Hear events one after the other; what may go at once goes at once."""
        for event in events:
            reaction = service.hears[type(event)]
            assert reaction.decide is not None
            assert self.person is not None or reaction.creates
            self._absorb(reaction.decide(self.person, event, self._moment(self.now)))
            self._send_until(self.now)
        return self

    def sent(self, *, to_patient: bool | None = None) -> list[tuple[str, str]]:
        """What left the house, by the wall clock, and to whom."""
        return [
            (f"{at.astimezone(ZoneInfo(self.tz)):%m-%d %H:%M}", f"{letter.template_id} to {letter.recipient}")
            for at, letter in self.letters
            if to_patient is None or (letter.recipient_role == "patient") is to_patient
        ]

    def texts(self, template_id: str) -> list[str]:
        return [letter.text for _, letter in self.letters if letter.template_id == template_id]

    def kept_back(self) -> list[str]:
        """What was due and was not sent, and why."""
        return [f"{f.template_id}: {f.reason}" for f in self.journal if isinstance(f, NotificationSuppressed)]

    def _send_until(self, until: datetime) -> None:
        while due := [(at, what) for what, at in self.wakes.items() if at <= until]:
            at, what = min(due)
            del self.wakes[what]
            self._pass_gate(what.partition(":")[2], max(at, self.now))

    def _pass_gate(self, message_id: str, now: datetime) -> None:
        message = self.person.queued.get(message_id)
        if message is None:
            return
        match domain.judge(self.person, message, now, QUIET):
            case domain.Suppress(reason):
                self._absorb(domain.suppressed(self.person, message, reason, SYSTEM))
            case domain.Postpone(until):
                self._absorb(domain.postponed(message, until, message.failures))
            case domain.Letter() as letter:
                self.letters.append((now, letter))
                self._absorb(domain.sent(self.person, letter, now, SYSTEM))

    def _absorb(self, facts: Any) -> None:
        for fact in facts:
            if isinstance(fact, Wake):
                self.wakes[fact.what] = fact.at
            elif isinstance(fact, Unwake):
                self.wakes.pop(fact.what, None)
            else:
                self.person = domain.evolve(self.person, fact)
                self.journal.append(fact)
        if self.person is not None:
            assert _STATE.validate_json(_STATE.dump_json(self.person)) == self.person
        self._refolds()

    def _refolds(self) -> None:
        """The journal, read back from its JSON, gives the same person."""
        person: Any = None
        for fact in self.journal:
            adapter: TypeAdapter[Any] = TypeAdapter(type(fact))
            assert isinstance(fact, Event) or type(fact) in domain.PRIVATE
            person = domain.evolve(person, adapter.validate_json(adapter.dump_json(fact)))
        assert person == self.person

    def _moment(self, at: datetime) -> Moment:
        return Moment(at=at, actor=SYSTEM, cause=f"cause-{next(self._causes)}", rules=RULES)
