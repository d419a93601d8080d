"""FHIR bundles: whatever is sent becomes a referral or a refusal with a code, and nothing else."""

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.decisions import Moment, Refused
from contracts.vocabulary import PlanKind, ReferralSource, Urgency
from services.intake import domain
from services.intake.domain import Known
from tests.intake.story import ACTOR, RULES, SITE

SNOMED = "http://snomed.info/sct"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
FOLDER = Path(
    os.environ.get("HANDRAIL_REFERRALS") or Path(__file__).parents[2].parent / "shared" / "data" / "referrals"
)
REAL = sorted(FOLDER.glob("*.json"))
CODES = {
    "not_json", "not_fhir_r4", "no_patient", "several_patients", "deceased", "no_name", "no_birth_date",
    "no_indication", "under_age", "over_age",
}  # fmt: skip


def patient(**changes: Any) -> dict[str, Any]:
    whole = {
        "resourceType": "Patient",
        "id": "p1",
        "name": [{"use": "official", "family": "O'Secret4", "given": ["Ana", "Maria"]}],
        "birthDate": "1979-08-14",
        "gender": "female",
        "telecom": [
            {"system": "email", "value": "x@example.org"},
            {"system": "phone", "value": "555-200-2883"},
        ],
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "pt"}]}}],
        "identifier": [{"system": "mrn", "value": "A-17"}, {"value": "no system"}, "no object"],
    }
    return {k: v for k, v in (whole | changes).items() if v is not None}


def condition(
    code: str = "55680006", system: str = SNOMED, status: str = "active", **changes: Any
) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"code": status}]},
        "verificationStatus": {"coding": [{"code": "confirmed"}]},
        "code": {"coding": [{"system": system, "code": code}]},
        "subject": {"reference": "urn:uuid:p1"},
        "onsetDateTime": "2002-10-06T03:11:00-04:00",
        **changes,
    }


def order(**changes: Any) -> dict[str, Any]:
    """A service request that brings its patient along."""
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "#p1"},
        "contained": [patient()],
        **changes,
    }


def bundle(*resources: Any, **changes: Any) -> str:
    entries = [{"fullUrl": f"urn:uuid:{r.get('id', n)}", "resource": r} for n, r in enumerate(resources)]
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries, **changes})


def refused(text: str | bytes) -> str:
    with pytest.raises(Refused) as refusal:
        take(text)
    for secret in ("Secret4", "555-200", "1979", "A-17"):
        assert secret not in refusal.value.message + repr(refusal.value.facts)
    assert refusal.value.message.endswith(".")
    return refusal.value.code


def outcome(text: str | bytes) -> str:
    """Accepted, or the code of the refusal; anything else is a fault."""
    try:
        take(text)
    except Refused as refusal:
        return refusal.code
    return "accepted"


def take(text: str | bytes, at: datetime = datetime(2026, 5, 10, 3, 40, tzinfo=UTC)) -> Any:
    """A bundle all the way to the referral's event."""
    read = domain.read_bundle(text)
    command = domain.ReceiveReferral(
        network_id="net",
        site_id="albany",
        sites=("albany",),
        source=ReferralSource.OTHER,
        urgency=read.urgency,
        person=read.person,
        plan_kind_hint=read.plan_kind_hint,
        indications=read.indications,
    )
    return domain.receive_referral(SITE, Known(), command, Moment(at, ACTOR, "c", RULES), "ref-1")


def test_an_old_but_active_overdose_is_taken_in_with_routine_urgency_and_nothing_guessed() -> None:
    opened, said = take(bundle(patient(), condition()))
    assert (said.source, said.urgency) == (ReferralSource.OTHER, Urgency.ROUTINE)
    assert said.requested_program_kind is None
    assert opened.referral.flags == ("overdose_check",)
    assert opened.referral.diagnoses == ()
    assert "Secret4" not in said.model_dump_json()


def test_the_person_is_read_whole() -> None:
    person = domain.read_bundle(bundle(patient(), condition())).person
    assert (person.given, person.family, person.birth_date) == ("Ana Maria", "O'Secret4", date(1979, 8, 14))
    assert (person.phone, person.language, person.sex) == ("555-200-2883", "pt", "female")
    assert person.identifiers == (domain.Identifier("mrn", "A-17"),)
    assert "Secret4" not in repr(person)


def test_the_official_name_wins_over_the_maiden_one() -> None:
    names = [
        {"use": "maiden", "family": "Old", "given": ["A"]},
        {"use": "official", "family": "New", "given": ["A"]},
    ]
    assert domain.read_bundle(bundle(patient(name=names), condition())).person.family == "New"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "not_json"),
        ("{", "not_json"),
        (b"\xff\xfe\x00", "not_json"),
        ('{"a": NaN}', "not_json"),
        ("[" * 100_000, "not_json"),
        ('{"a":' * 100_000, "not_json"),
        ('{"resourceType": "Bundle", "total": ' + "9" * 5000 + "}", "not_json"),
        ("[]", "not_fhir_r4"),
        ('"text"', "not_fhir_r4"),
        ("null", "not_fhir_r4"),
        ('{"resourceType": "Patient"}', "not_fhir_r4"),
        ('{"resourceType": "ServiceRequest"}', "no_patient"),
        (json.dumps(order(contained=[condition()])), "no_patient"),
        (json.dumps(order(status="completed")), "no_indication"),
        (json.dumps(order(contained=[patient(deceasedBoolean=True)])), "deceased"),
        ('{"resourceType": "Bundle", "entry": {}}', "not_fhir_r4"),
        ('{"resourceType": "Bundle"}', "no_patient"),
        (bundle(condition()), "no_patient"),
        (bundle(patient(), patient(id="p2"), condition()), "several_patients"),
        (bundle(patient(deceasedDateTime="2015-01-02T03:01:19+00:00"), condition()), "deceased"),
        (bundle(patient(deceasedDateTime=""), condition()), "deceased"),
        (bundle(patient(deceasedBoolean=True), condition()), "deceased"),
        (bundle(patient(deceasedBoolean=True)), "deceased"),
        (bundle(patient(name=None), condition()), "no_name"),
        (bundle(patient(name=[{"family": "\x00\x01", "given": ["A"]}]), condition()), "no_name"),
        (bundle(patient(birthDate=None), condition()), "no_birth_date"),
        (bundle(patient(birthDate="1979-08"), condition()), "no_birth_date"),
        (bundle(patient(birthDate="1979-02-30"), condition()), "no_birth_date"),
        (bundle(patient(birthDate=19790814), condition()), "no_birth_date"),
        (bundle(patient()), "no_indication"),
        (bundle(patient(birthDate="2013-05-10"), condition()), "under_age"),
        (bundle(patient(birthDate="1905-05-09"), condition()), "over_age"),
        (bundle(patient(), condition(clinicalStatus="active")), "not_fhir_r4"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_referral_is_refused_with_its_reason(text: str | bytes, code: str) -> None:
    assert refused(text) == code


@pytest.mark.parametrize("code", ["44301001", "287191006", "287193009"])
@pytest.mark.parametrize("status", ["active", "resolved"])
def test_a_completed_suicide_says_that_the_patient_has_died(code: str, status: str) -> None:
    assert refused(bundle(patient(), condition(), condition(code, status=status))) == "deceased"


def test_a_completed_suicide_entered_in_error_does_not() -> None:
    mistaken = condition("44301001", verificationStatus={"coding": [{"code": "entered-in-error"}]})
    assert take(bundle(patient(), condition(), mistaken))


@pytest.mark.parametrize("status", ["active", "recurrence", "relapse"])
def test_conditions_count_while_they_live(status: str) -> None:
    assert take(bundle(patient(), condition("7200002", status=status)))


@pytest.mark.parametrize(
    "only",
    [
        condition("7200002", status="resolved"),
        condition("7200002", status="remission"),
        condition("7200002", clinicalStatus=None),
        condition("7200002", verificationStatus={"coding": [{"code": "refuted"}]}),
        condition("7200002", verificationStatus={"coding": [{"code": "unconfirmed"}]}),
        condition("7200002", subject={"reference": "urn:uuid:somebody-else"}),
        condition("7200002", system="http://example.org/codes"),
        condition("361055000"),
        condition("449868002"),
        condition("68019004"),
        condition("F10.21", ICD),
        condition("F17.210", ICD),
        condition("F10.90", ICD),
        condition("38341003"),
    ],
)
def test_what_is_over_denied_somebody_elses_or_only_a_hint_is_no_indication(only: dict[str, Any]) -> None:
    assert refused(bundle(patient(), only)) == "no_indication"


@pytest.mark.parametrize(
    "reference",
    ["urn:uuid:p1", "Patient/p1", "http://example.org/fhir/Patient/p1", "Patient?identifier=x", None],
)
def test_a_condition_finds_its_patient_by_any_of_the_usual_references(reference: str | None) -> None:
    assert take(bundle(patient(), condition(subject={"reference": reference})))


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("medicaid", PlanKind.MEDICAID),
        ("Medicare", PlanKind.MEDICARE),
        ("private", PlanKind.COMMERCIAL),
        ("?", None),
    ],
)
def test_the_payer_is_a_hint_and_verifies_nothing(said: str, hint: PlanKind | None) -> None:
    claim = {"resourceType": "ExplanationOfBenefit", "insurance": [{"coverage": {"display": said}}]}
    opened, *rest = take(bundle(patient(), condition(), claim))
    assert opened.referral.plan_kind_hint is hint
    assert opened.referral.coverage is None
    assert len(rest) == 1


@pytest.mark.parametrize(
    ("priority", "urgency"),
    [("stat", Urgency.EMERGENT), ("asap", Urgency.URGENT), ("routine", Urgency.ROUTINE)],
)
def test_an_orders_reason_and_priority_count(priority: str, urgency: Urgency) -> None:
    reason = {"coding": [{"system": SNOMED, "code": "7200002"}]}
    order = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "priority": priority,
        "reasonCode": [reason],
    }
    assert take(bundle(patient(), order))[1].urgency is urgency


def test_a_service_request_alone_brings_its_patient_and_is_a_reason() -> None:
    opened, said = take(json.dumps(order(priority="asap")))
    assert opened.referral.person.family == "O'Secret4"
    assert (said.urgency, opened.referral.indications) == (Urgency.URGENT, ())
    assert "Secret4" not in said.model_dump_json()


@pytest.mark.parametrize("status", ["active", "draft", None])
def test_a_live_order_without_a_coded_reason_is_a_reason(status: str | None) -> None:
    bare = {"resourceType": "ServiceRequest", "status": status}
    assert take(bundle(patient(), bare))


@pytest.mark.parametrize("status", ["completed", "revoked", "entered-in-error", "on-hold"])
def test_an_order_that_is_over_is_none(status: str) -> None:
    over = {"resourceType": "ServiceRequest", "status": status}
    assert refused(bundle(patient(), over)) == "no_indication"


def test_somebody_elses_order_is_no_reason() -> None:
    theirs = {"resourceType": "ServiceRequest", "subject": {"reference": "urn:uuid:somebody-else"}}
    assert refused(bundle(patient(), theirs)) == "no_indication"


@pytest.mark.parametrize(
    ("requester", "source"),
    [
        ({"reference": "Practitioner/7"}, ReferralSource.PCP),
        ({"reference": "http://example.org/fhir/PractitionerRole/7"}, ReferralSource.PCP),
        ({"type": "Practitioner", "display": "Dr. A"}, ReferralSource.PCP),
        ({"reference": "RelatedPerson/3"}, ReferralSource.OTHER),
        (None, ReferralSource.OTHER),
    ],
)
def test_who_ordered_says_who_refers(requester: Any, source: ReferralSource) -> None:
    assert domain.read_bundle(json.dumps(order(requester=requester))).source is source


def test_control_characters_and_lone_surrogates_are_left_out() -> None:
    name = [{"family": "Nul\x00\u202eName\ud800", "given": ["A\x1b[31m"]}]
    person = domain.read_bundle(bundle(patient(name=name, gender="f\x00"), condition())).person
    assert (person.family, person.given, person.sex) == ("NulName", "A[31m", "f")


def test_numbers_without_bound_and_deep_nesting_harm_nobody() -> None:
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    assert take(bundle(patient(extension=deep, multipleBirthInteger=10**400), condition()))


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
KEYS = st.sampled_from(["coding", "code", "system", "value", "family", "given", "reference"])
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner), max_leaves=8
)
FIELDS = st.sampled_from([
    "name", "birthDate", "telecom", "identifier", "communication", "gender", "deceasedBoolean", "id",
    "code", "status", "clinicalStatus", "verificationStatus", "subject", "onsetDateTime",
    "resourceType", "insurance", "reasonCode", "priority", "payor", "type",
])  # fmt: skip


@settings(max_examples=300)
@given(
    st.dictionaries(FIELDS, JSON, max_size=4),
    st.dictionaries(FIELDS, JSON, max_size=4),
    st.sampled_from(["ExplanationOfBenefit", "Coverage", "ServiceRequest", "Condition"]),
    st.dictionaries(FIELDS, JSON, max_size=4),
    JSON,
)
def test_wrong_types_anywhere_are_a_referral_or_a_refusal(
    about: dict[str, Any], found: dict[str, Any], kind: str, more: dict[str, Any], entry: Any
) -> None:
    resources = [patient() | about, condition() | found, {"resourceType": kind} | more]
    entries = [{"fullUrl": entry, "resource": r} for r in resources] + [entry, {"resource": entry}]
    assert outcome(json.dumps({"resourceType": "Bundle", "entry": entries})) in {"accepted", *CODES}


@given(st.dictionaries(FIELDS, JSON, max_size=4), st.dictionaries(FIELDS, JSON, max_size=4), JSON)
def test_a_service_request_of_wrong_types_is_a_referral_or_a_refusal(
    about: dict[str, Any], ordered: dict[str, Any], contained: Any
) -> None:
    sent = order() | ordered
    for brought in ([patient() | about], [patient(), contained], contained):
        assert outcome(json.dumps(sent | {"contained": brought})) in {"accepted", *CODES}


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_never_a_fault(sent: bytes) -> None:
    with pytest.raises(Refused):
        domain.read_bundle(sent)


@pytest.mark.skipif(not REAL, reason="the folder of real referrals is not here")
def test_every_real_bundle_is_accepted_or_refused_with_a_code_and_nobody_accepted_is_dead() -> None:
    outcomes = set()
    for file in REAL:
        text = file.read_bytes()
        (who,) = [r for e in json.loads(text)["entry"] if (r := e["resource"])["resourceType"] == "Patient"]
        found = outcome(text)
        assert found in {"accepted", *CODES}
        assert ("deceasedDateTime" in who) == (found == "deceased")
        if found == "accepted":
            opened, said = take(text)
            assert opened.referral.plan_kind_hint is not None
            assert who["name"][0]["family"] not in said.model_dump_json()
        outcomes.add(found)
    assert {"accepted", "deceased", "no_indication"} >= outcomes >= {"accepted", "deceased"}


@pytest.mark.skipif(not REAL, reason="the folder of real referrals is not here")
def test_no_two_real_people_share_a_key() -> None:
    seen: set[str] = set()
    for file in REAL:
        try:
            keys = set(domain.person_keys(domain.read_bundle(file.read_bytes()).person))
        except Refused:
            continue
        assert keys
        assert not keys & seen
        seen |= keys


def test_a_code_that_cannot_be_written_is_cleaned() -> None:
    text = bundle(patient(), condition(code="F10.20\ud800", system=ICD))
    assert [i.code for i in domain.read_bundle(text).indications] == ["F10.20"]
