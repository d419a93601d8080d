"""How a way through the network opens and opens anew: T1 and T31."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from contracts.decisions import Moment, Refused, Wake
from contracts.intake import ReferralLinked, ReferralReceived
from contracts.rulebook import IntakeRules
from contracts.scheduling import SiteOpened
from contracts.vocabulary import PlanKind, ProgramKind, ReferralSource, Urgency
from services.intake.domain import indications
from services.intake.domain.consents import OF_AGE
from services.intake.domain.facts import Prioritized, ReferralOpened, SiteKept, SourceKept, about
from services.intake.domain.indications import Indication
from services.intake.domain.people import Person, age_on, likeness, local_date, of_age_at
from services.intake.domain.state import PRIORITIES, Referral, Site, Source, Stage


@dataclass(frozen=True, slots=True)
class ReceiveReferral:
    """Take in a referral for a person."""

    network_id: str
    site_id: str
    sites: tuple[str, ...]
    source: ReferralSource
    urgency: Urgency
    person: Person = field(repr=False)
    program_kind: ProgramKind | None = None
    plan_kind_hint: PlanKind | None = None
    indications: tuple[Indication, ...] = ()
    digest: str = ""
    """Of what was sent, so that the same once more is nothing new."""
    may_look: bool = False
    """Whether the caller may see the people of these sites."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the same person, or of one much alike, when a referral arrives."""

    earlier_episodes: tuple[str, ...] = ()
    """Newest first; the first is the one that this referral follows on."""
    patient_id: str | None = None
    died: bool = False
    looks_like_somebody: bool = False


def open_site(site: Site | None, heard: SiteOpened, moment: Moment) -> list[SiteKept]:
    """Keep a site's zone and confidentiality regime; the last word counts."""
    ZoneInfo(heard.tz)
    if site is not None and site.network_id != heard.network_id:
        return []
    kept = Site(heard.site_id, heard.network_id, heard.site_id, heard.tz, heard.part2)
    return [] if site == kept else [SiteKept(kept)]


def receive_referral(
    site: Site, known: Known, command: ReceiveReferral, moment: Moment, id: str
) -> list[Any]:
    """T1 and T31: open a referral, on top of what is known of earlier ones."""
    rules = moment.rules.intake
    age = age_on(command.person.birth_date, local_date(moment.at, site.tz))
    refuse_age(site, command, moment)
    if known.died:
        raise Refused("deceased", "The network's record says that this person has died.", status=422)
    opened = Referral(
        id=id,
        network_id=command.network_id,
        site_id=command.site_id,
        patient_id=known.patient_id or moment.new_id("patient"),
        part2=site.part2,
        tz=site.tz,
        stage=Stage.REFERRED,
        person=command.person,
        likeness=likeness(command.person),
        source=command.source,
        urgency=_urgency(command, moment),
        received_at=moment.at,
        program_kind=command.program_kind,
        prior_episode_id=next(iter(known.earlier_episodes), None),
        earlier_episodes=known.earlier_episodes,
        plan_kind_hint=command.plan_kind_hint,
        flags=_flags(command, known, age, rules),
        sources=(_source(id, command, moment, 1000),),
        indications=command.indications,
    )
    received = ReferralReceived(
        **about(opened, moment),
        source=opened.source,
        urgency=opened.urgency,
        received_at=opened.received_at,
        tz=opened.tz,
        requested_program_kind=opened.program_kind,
        prior_episode_id=opened.prior_episode_id,
    )
    grown = of_age_at(opened.person, opened.tz, moment.rules.majority)
    return [ReferralOpened(opened), received, *([Wake(grown, OF_AGE)] if moment.at < grown else [])]


def refuse_age(site: Site, command: ReceiveReferral, moment: Moment) -> None:
    """An age that the programs do not take, or nobody has; raises Refused."""
    rules = moment.rules.intake
    age = age_on(command.person.birth_date, local_date(moment.at, site.tz))
    if age < rules.min_age:
        raise Refused(
            "under_age",
            f"The person is younger than the {rules.min_age} years from which the programs admit.",
        )
    if age > rules.max_age:
        raise Refused("over_age", f"The birth date makes the person older than {rules.max_age} years.")


def link_referral(
    referral: Referral, receipt_id: str, match: int, command: ReceiveReferral, moment: Moment
) -> list[Any]:
    """K18: whoever refers a person whose way is open is kept beside the first, and nothing opens twice."""
    if any(s.digest == command.digest for s in referral.sources if command.digest):
        return []
    source = _source(receipt_id, command, moment, match)
    linked = ReferralLinked(
        **about(referral, moment),
        receipt_id=source.receipt_id,
        source=source.source,
        urgency=source.urgency,
        received_at=source.received_at,
        wished_site_id=source.site_id,
        match_permille=source.match_permille,
    )
    kept = SourceKept(source.receipt_id, command.digest, command.indications, _said_by(command))
    entry = referral.entry
    rises = list(Urgency).index(source.urgency) > list(Urgency).index(referral.urgency)
    moved = (
        [Prioritized(min(entry.priority, PRIORITIES[source.urgency]), "urgency")] if entry and rises else []
    )
    return [linked, kept, *moved]


def _source(receipt_id: str, command: ReceiveReferral, moment: Moment, match: int) -> Source:
    return Source(
        receipt_id=receipt_id,
        source=command.source,
        urgency=_urgency(command, moment),
        received_at=moment.at,
        site_id=command.site_id,
        match_permille=match,
        digest=command.digest,
    )


def _urgency(command: ReceiveReferral, moment: Moment) -> Urgency:
    """A fresh suicidal crisis makes a routine referral urgent; an overdose coded long ago does not."""
    since = moment.at.date() - timedelta(days=moment.rules.intake.suicide_code_days)
    fresh = any("suicide" in i.classes and (i.onset is None or i.onset >= since) for i in command.indications)
    return Urgency.URGENT if fresh and command.urgency is Urgency.ROUTINE else command.urgency


def _flags(command: ReceiveReferral, known: Known, age: int, rules: IntakeRules) -> tuple[str, ...]:
    """What somebody should look at before the first call."""
    flags = set(_said_by(command))
    if age >= rules.flag_age:
        flags.add("check_age")
    if known.looks_like_somebody:
        flags.add("possible_match")
    return tuple(sorted(flags))


def _said_by(command: ReceiveReferral) -> tuple[str, ...]:
    found = {f for i in command.indications for c in i.classes if (f := indications.FLAGS.get(c))}
    return tuple(sorted(found))
