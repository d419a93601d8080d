"""How facts fold into the state of a referral and of a site."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from contracts import intake as said
from contracts.vocabulary import DeclineReason, Urgency
from services.intake.domain import facts as kept
from services.intake.domain.consents import replaces
from services.intake.domain.state import (
    Alert,
    Assessment,
    Authorization,
    Consent,
    Contact,
    Coverage,
    Detox,
    Entry,
    Offer,
    Referral,
    Site,
    Source,
    Stage,
)

CONTACTS_KEPT = 50
SOURCES_KEPT = 50


def evolve(state: Referral | None, fact: Any) -> Referral:
    """The next state of a referral."""
    if isinstance(fact, kept.ReferralOpened):
        return replace(fact.referral, stage_since=fact.referral.received_at)
    if state is None:
        raise ValueError(f"{type(fact).__name__} about a referral that was never opened")
    fold: Callable[[Referral, Any], Referral] = _FOLDS[type(fact)]
    return fold(state, fact)


def evolve_site(state: Site | None, fact: kept.SiteKept) -> Site:
    """The next state of a site."""
    return fact.site


def _same(state: Referral, _fact: Any) -> Referral:
    return state


def _to(state: Referral, stage: Stage, at: datetime | None, **changes: Any) -> Referral:
    """Into a stage; the time waited there counts from now."""
    since = at if stage is not state.stage and at is not None else state.stage_since
    return replace(state, stage=stage, stage_since=since, **changes)


def _linked(state: Referral, fact: said.ReferralLinked) -> Referral:
    another = Source(
        fact.receipt_id,
        fact.source,
        fact.urgency,
        fact.received_at,
        fact.wished_site_id,
        fact.match_permille,
    )
    urgency = max(state.urgency, fact.urgency, key=list(Urgency).index)
    return replace(state, sources=(*state.sources, another), urgency=urgency)


def _source_kept(state: Referral, fact: kept.SourceKept) -> Referral:
    same = fact.receipt_id
    sources = tuple(replace(s, digest=fact.digest) if s.receipt_id == same else s for s in state.sources)
    return replace(
        state,
        sources=(sources[0], *sources[1:][-SOURCES_KEPT:]),
        indications=tuple(dict.fromkeys((*state.indications, *fact.indications)))[-SOURCES_KEPT:],
        flags=tuple(sorted({*state.flags, *fact.flags})),
    )


def _declined(state: Referral, fact: said.ReferralDeclined) -> Referral:
    return _shut(state, Stage.DECLINED, fact.closed_at, fact.reason)


def _ended(state: Referral, fact: kept.EpisodeEnded) -> Referral:
    return replace(_shut(state, Stage.DISCHARGED, fact.at, fact.reason), died=fact.died)


def _shut(state: Referral, stage: Stage, at: datetime, reason: str) -> Referral:
    outcome = "DECLINED" if reason == DeclineReason.PATIENT_DECLINED else "EXPIRED"
    state = _no_longer_waiting(state, outcome)
    return _to(state, stage, at, closed_at=at, closed_reason=str(reason), hold=None)


def _no_longer_waiting(state: Referral, outcome: str) -> Referral:
    if state.entry is None:
        return state
    return replace(state, entry=None, past_entry=replace(state.entry, offer=None, outcome=outcome))


def _drafted(state: Referral, fact: kept.ConsentDrafted) -> Referral:
    others = tuple(c for c in state.consents if c.id != fact.consent.id)
    return replace(state, consents=(*others, fact.consent))


def _consented(state: Referral, fact: said.ConsentGranted) -> Referral:
    given = Consent(
        id=fact.consent_id,
        kind=fact.kind,
        channels=fact.channels,
        signed_at=fact.signed_at,
        signers=fact.signers,
        disclosers=fact.disclosers,
        recipients=fact.recipients,
        purposes=fact.purposes,
        info_categories=fact.info_categories,
        expires_at=fact.expires_at,
        expires_event=fact.expires_event,
    )
    others = tuple(c for c in state.consents if c.id != given.id and not replaces(given, c))
    return replace(state, consents=(*others, given))


def _consent_over(state: Referral, fact: said.ConsentRevoked | said.ConsentExpired) -> Referral:
    return replace(state, consents=tuple(c for c in state.consents if c.id != fact.consent_id))


def _alerted(state: Referral, fact: said.SafetyAlertRaised) -> Referral:
    standing = next((a for a in state.alerts if a.id == fact.alert_id), None)
    if standing is None:
        at = fact.raised_at or fact.due_ack_at
        risen = Alert(fact.alert_id, fact.kind, fact.severity, at, fact.due_ack_at, ())
    else:
        # What was taken in hand as moderate must be taken in hand anew once it is high.
        risen = replace(
            standing,
            severity=fact.severity,
            due_ack_at=fact.due_ack_at,
            acknowledged_at=None,
            acknowledged_by=None,
            late=False,
        )
    return replace(state, alerts=(*(a for a in state.alerts if a.id != risen.id), risen))


def _alert_changed(state: Referral, alert_id: str, **changes: Any) -> Referral:
    return replace(
        state, alerts=tuple(replace(a, **changes) if a.id == alert_id else a for a in state.alerts)
    )


def _alert_joined(state: Referral, fact: kept.AlertJoined) -> Referral:
    known = next((a.reasons for a in state.alerts if a.id == fact.alert_id), ())
    return _alert_changed(state, fact.alert_id, reasons=tuple(dict.fromkeys((*known, *fact.reasons))))


def _alert_taken(state: Referral, fact: kept.AlertTaken) -> Referral:
    others = tuple(a for a in state.alerts if a.id != fact.alert.id)
    return replace(state, alerts=(*others, fact.alert))


def _alerts_passed_on(state: Referral, _fact: kept.AlertsPassedOn) -> Referral:
    return replace(state, alerts=())


def _acknowledged(state: Referral, fact: said.SafetyAlertAcknowledged) -> Referral:
    return _alert_changed(
        state,
        fact.alert_id,
        acknowledged_at=fact.acknowledged_at,
        acknowledged_by=fact.actor.id,
        late=fact.late,
    )


def _resolved(state: Referral, fact: said.SafetyAlertResolved) -> Referral:
    return replace(state, alerts=tuple(a for a in state.alerts if a.id != fact.alert_id))


def _screening_kept(state: Referral, fact: kept.ScreeningKept) -> Referral:
    stage = Stage.SCREENED if state.stage is Stage.REFERRED else state.stage
    return replace(_to(state, stage, fact.screening.at), screening=fact.screening)


def _attempted(state: Referral, fact: said.OutreachAttempted) -> Referral:
    if fact.attempted_at is None:
        return state
    contact = Contact(fact.attempted_at, fact.channel, fact.reached)
    contacts = (*state.contacts, contact)[-CONTACTS_KEPT:]
    return replace(state, contacts=contacts, attempts=fact.attempts)


def _sent_to_detox(state: Referral, fact: said.DetoxReferred) -> Referral:
    detox = Detox(
        fact.detox_referral_id,
        fact.setting,
        fact.trigger,
        fact.expected_return_on,
        facility_id=fact.facility_id,
        in_house=fact.in_house,
        # What an earlier detox made void is still to be measured anew.
        voided=state.detox.voided if state.detox and state.screening is None else (),
    )
    state = _no_longer_waiting(state, "WITHDRAWN")
    wish = state.wish and replace(state.wish, open=False)
    return _to(state, Stage.DETOX_REFERRED, fact.referred_at, detox=detox, hold=None, wish=wish)


def _back_from_detox(state: Referral, fact: said.DetoxCompleted) -> Referral:
    detox = state.detox and replace(
        state.detox, outcome=fact.outcome, returned_at=fact.completed_at, cleared_by=fact.cleared_by
    )
    stage = Stage.SCREENED if fact.medically_cleared else state.stage
    return _to(state, stage, fact.completed_at, detox=detox)


def _voided(state: Referral, fact: kept.ScreeningVoided) -> Referral:
    detox = state.detox and replace(state.detox, voided=fact.instruments)
    return replace(state, screening=None, assessment=None, detox=detox)


def _assessed(state: Referral, fact: said.PatientAssessed) -> Referral:
    made = Assessment(
        id=fact.assessment_id,
        at=fact.assessed_at,
        level=fact.recommended_level,
        credential=fact.assessor_credential,
        availability=fact.availability,
        support_network=fact.support_network,
        stage_of_change=fact.stage_of_change,
        programs_presented=fact.programs_presented,
        patient_choice=fact.patient_choice,
        choice_reason=fact.choice_reason,
        curriculum_tracks=fact.curriculum_tracks,
        suggested_level=fact.suggested_level,
        differs_reason=fact.differs_reason,
    )
    stage = Stage.ASSESSED if state.stage is Stage.SCREENED else state.stage
    return _to(state, stage, fact.assessed_at, assessment=made)


def _findings(state: Referral, fact: kept.FindingsKept) -> Referral:
    return replace(state, diagnoses=fact.diagnoses, locus=fact.locus)


def _covered(state: Referral, fact: said.CoverageVerified) -> Referral:
    found = Coverage(
        id=fact.coverage_id,
        payer_id=fact.payer_id,
        plan_kind=fact.plan_kind,
        status=fact.status,
        auth_required=fact.auth_required,
        valid_from=fact.valid_from,
        valid_through=fact.valid_through,
        patient_share_cents=fact.estimated_patient_share_cents,
        hardship=fact.hardship,
    )
    return replace(state, coverage=found)


def _authorized(state: Referral, fact: said.AuthorizationRecorded) -> Referral:
    before = next((a for a in state.authorizations if a.id == fact.authorization_id), None)
    decision = Authorization(
        id=fact.authorization_id,
        status=fact.status,
        level=fact.level,
        units_approved=fact.units_approved,
        valid_from=fact.valid_from,
        valid_to=fact.valid_to,
        unit_kind=fact.unit_kind,
        service_codes=fact.service_codes,
        days_per_week=fact.days_per_week,
        used=before.used if before else {},
    )
    others = tuple(a for a in state.authorizations if a.id != decision.id)
    return replace(state, authorizations=(*others, decision))


def _units_used(state: Referral, fact: kept.UnitsUsed) -> Referral:
    return _authorization_changed(state, fact.authorization_id, lambda a: a.drawing(fact.day, fact.units))


def _told_low(state: Referral, fact: said.AuthorizationRunningLow) -> Referral:
    return _authorization_changed(
        state,
        fact.authorization_id,
        lambda a: replace(a, told_low=True, told_ended=a.told_ended or fact.ended),
    )


def _authorization_changed(
    state: Referral, id: str, change: Callable[[Authorization], Authorization]
) -> Referral:
    changed = tuple(change(a) if a.id == id else a for a in state.authorizations)
    return replace(state, authorizations=changed)


def _seat_refused(state: Referral, _fact: kept.SeatRefused) -> Referral:
    return replace(state, wish=state.wish and replace(state.wish, open=False))


def _seat_kept(state: Referral, fact: kept.SeatKept) -> Referral:
    return replace(state, hold=fact.hold, wish=state.wish and replace(state.wish, open=False))


def _seat_lost(state: Referral, _fact: kept.SeatLost) -> Referral:
    return replace(state, hold=None)


def _waitlisted(state: Referral, fact: said.PatientWaitlisted) -> Referral:
    entry = Entry(
        id=fact.waitlist_entry_id,
        priority=fact.priority,
        reason=fact.priority_reason,
        entered_at=fact.entered_at,
        queued_at=fact.entered_at,
        expires_at=fact.expires_at,
    )
    return _to(state, Stage.WAITLISTED, fact.entered_at, entry=entry)


def _offered(state: Referral, fact: said.WaitlistOfferMade) -> Referral:
    offer = Offer(fact.offered_at, fact.offer_expires_at, fact.needs)
    return replace(state, entry=state.entry and replace(state.entry, offer=offer))


def _missed(state: Referral, fact: said.WaitlistOfferDeclined | said.WaitlistOfferExpired) -> Referral:
    entry = state.entry and replace(state.entry, offer=None, misses=fact.misses)
    return replace(state, entry=entry, hold=None)


def _requeued(state: Referral, fact: kept.Requeued) -> Referral:
    return replace(state, entry=state.entry and replace(state.entry, queued_at=fact.at))


def _prioritized(state: Referral, fact: kept.Prioritized) -> Referral:
    entry = state.entry and replace(state.entry, priority=fact.priority, priority_reason=fact.reason)
    return replace(state, entry=entry)


def _accepted(state: Referral, fact: said.WaitlistOfferAccepted) -> Referral:
    return _to(_no_longer_waiting(state, "BOOKED"), Stage.ASSESSED, fact.accepted_at)


def _wait_ended(state: Referral, fact: kept.WaitEnded) -> Referral:
    return _to(_no_longer_waiting(state, "WITHDRAWN"), Stage.ASSESSED, fact.at)


def _admitted(state: Referral, fact: said.PatientAdmitted) -> Referral:
    """The open alerts went with the person: whoever leads the episode looks after them now."""
    return replace(state, stage=Stage.ADMITTED, alerts=())


_FOLDS: dict[type, Callable[[Referral, Any], Referral]] = {
    said.ReferralReceived: _same,
    said.ReferralLinked: _linked,
    kept.SourceKept: _source_kept,
    said.ReferralDeclined: _declined,
    kept.EpisodeEnded: _ended,
    kept.ConsentDrafted: _drafted,
    said.ConsentGranted: _consented,
    said.ConsentRevoked: _consent_over,
    said.ConsentExpired: _consent_over,
    said.PatientCameOfAge: lambda s, _: replace(s, of_age=True),
    said.SafetyAlertRaised: _alerted,
    said.SafetyAlertEscalated: lambda s, f: _alert_changed(s, f.alert_id, escalations=f.escalation),
    said.SafetyAlertAcknowledged: _acknowledged,
    said.SafetyAlertResolved: _resolved,
    kept.AlertJoined: _alert_joined,
    kept.AlertTaken: _alert_taken,
    kept.AlertsPassedOn: _alerts_passed_on,
    kept.ScreeningKept: _screening_kept,
    kept.ScreeningVoided: _voided,
    said.PatientScreened: _same,
    said.OutreachAttempted: _attempted,
    said.DetoxReferred: _sent_to_detox,
    said.DetoxCompleted: _back_from_detox,
    kept.FindingsKept: _findings,
    said.PatientAssessed: _assessed,
    said.CoverageVerified: _covered,
    said.AuthorizationRecorded: _authorized,
    kept.UnitsUsed: _units_used,
    said.AuthorizationRunningLow: _told_low,
    kept.Certified: lambda s, f: replace(s, certificate=f.certificate),
    kept.OwnerNamed: lambda s, f: replace(s, owner=f.owner, owner_since=f.at),
    kept.SeatAsked: lambda s, f: replace(s, wish=f.wish),
    said.SeatRequested: _same,
    kept.SeatRefused: _seat_refused,
    kept.SeatKept: _seat_kept,
    kept.SeatLost: _seat_lost,
    said.PatientWaitlisted: _waitlisted,
    said.WaitlistOfferMade: _offered,
    said.WaitlistOfferDeclined: _missed,
    said.WaitlistOfferExpired: _missed,
    kept.Requeued: _requeued,
    kept.Prioritized: _prioritized,
    said.WaitlistOfferAccepted: _accepted,
    kept.WaitEnded: _wait_ended,
    said.PatientAdmitted: _admitted,
}
