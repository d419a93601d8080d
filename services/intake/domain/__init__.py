"""The rules of intake: who may be referred, screened, assessed, seated, offered, admitted or declined."""

from services.intake.domain.admission import AdmitPatient, admit_patient
from services.intake.domain.arrival import Known, ReceiveReferral, end_episode, open_site, receive_referral
from services.intake.domain.facts import FACTS, SITE_FACTS, evolve, evolve_site
from services.intake.domain.fhir import BundleReferral, read_bundle
from services.intake.domain.indications import Indication
from services.intake.domain.payer import (
    RecordAuthorization,
    VerifyCoverage,
    record_authorization,
    verify_coverage,
)
from services.intake.domain.people import Identifier, Person, likeness, local_date, person_keys
from services.intake.domain.referral import (
    AssessPatient,
    DeclineReferral,
    GrantConsent,
    ReferToDetox,
    ReturnFromDetox,
    ScreenPatient,
    assess_patient,
    decline_referral,
    grant_consent,
    refer_to_detox,
    return_from_detox,
    screen_patient,
)
from services.intake.domain.state import Referral, Site, Stage
from services.intake.domain.waitlist import (
    AnswerOffer,
    RequestSeat,
    answer_offer,
    ask_again,
    ask_for_freed_seat,
    expire_entry,
    expire_offer,
    keep_seat,
    lose_seat,
    miss_seat,
    request_seat,
)

__all__ = [
    "FACTS",
    "SITE_FACTS",
    "AdmitPatient",
    "AnswerOffer",
    "AssessPatient",
    "BundleReferral",
    "DeclineReferral",
    "GrantConsent",
    "Identifier",
    "Indication",
    "Known",
    "Person",
    "ReceiveReferral",
    "RecordAuthorization",
    "ReferToDetox",
    "Referral",
    "RequestSeat",
    "ReturnFromDetox",
    "ScreenPatient",
    "Site",
    "Stage",
    "VerifyCoverage",
    "admit_patient",
    "answer_offer",
    "ask_again",
    "ask_for_freed_seat",
    "assess_patient",
    "decline_referral",
    "end_episode",
    "evolve",
    "evolve_site",
    "expire_entry",
    "expire_offer",
    "grant_consent",
    "keep_seat",
    "likeness",
    "local_date",
    "lose_seat",
    "miss_seat",
    "open_site",
    "person_keys",
    "read_bundle",
    "receive_referral",
    "record_authorization",
    "refer_to_detox",
    "request_seat",
    "return_from_detox",
    "screen_patient",
    "verify_coverage",
]
