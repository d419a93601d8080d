"""FHIR R4 into referrals: pure; whatever is sent, either a referral or a refusal with a code."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NoReturn

from contracts.decisions import Refused
from contracts.vocabulary import PlanKind, ReferralSource, Urgency
from services.intake.domain.indications import INDICATING, Indication, classes_of
from services.intake.domain.people import Identifier, Person

_LIVE = frozenset({"active", "recurrence", "relapse"})
_NOT_MEANT = frozenset({"refuted", "entered-in-error", "unconfirmed"})
_LIVE_ORDER = ("active", "draft", "")
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T.*)?", re.ASCII | re.DOTALL)
_PAYERS = (
    ("medicare", PlanKind.MEDICARE),
    ("medicaid", PlanKind.MEDICAID),
    ("veteran", PlanKind.VA),
    ("self", PlanKind.SELF_PAY),
    ("private", PlanKind.COMMERCIAL),
    ("commercial", PlanKind.COMMERCIAL),
)
_URGENCIES = {"urgent": Urgency.URGENT, "asap": Urgency.URGENT, "stat": Urgency.EMERGENT}
_MAX_IDENTIFIERS = 20


@dataclass(frozen=True, slots=True)
class BundleReferral:
    """What a bundle says of a person who is referred; the payer is a hint that nobody verified."""

    person: Person = field(repr=False)
    indications: tuple[Indication, ...]
    urgency: Urgency
    plan_kind_hint: PlanKind | None
    source: ReferralSource


def read_bundle(text: bytes | str) -> BundleReferral:
    """Read a bundle, or a service request, with one living patient and a reason to be referred.

    Raises Refused: not_json, not_fhir_r4, no_patient, several_patients, deceased, no_name,
    no_birth_date, no_indication.
    """
    resources = list(_resources(_parse(text)))
    references, patient = _the_patient(resources)
    conditions = [
        c for _, c in resources if c.get("resourceType") == "Condition" and _is_about(c, references)
    ]
    orders = [
        o for _, o in resources if o.get("resourceType") == "ServiceRequest" and _is_about(o, references)
    ]
    found = [*_conditions(conditions), *_reasons(orders)]
    if _is_deceased(patient) or _died_by_suicide(conditions):
        _refuse("deceased", "The bundle says that the patient has died.")
    person = _person(patient)
    ordered = any(_string(order.get("status")) in _LIVE_ORDER for order in orders)
    if not ordered and not any(INDICATING & set(i.classes) for i in found):
        _refuse(
            "no_indication",
            "It holds no order, and no active condition that an intensive outpatient program treats.",
            "Conditions count while active, recurrent or relapsed; screening findings and history do not.",
        )
    return BundleReferral(
        person=person,
        indications=tuple(found),
        urgency=_urgency(orders),
        plan_kind_hint=_payer([r for _, r in resources]),
        source=_source(orders),
    )


def _refuse(code: str, message: str, hint: str = "") -> NoReturn:
    raise Refused(code, message, status=422, hint=hint)


def _parse(text: bytes | str) -> dict[str, Any]:
    def constant(_name: str) -> NoReturn:
        raise ValueError("not a JSON number")

    try:
        parsed = json.loads(text, parse_constant=constant)
    except (ValueError, RecursionError):
        raise Refused("not_json", "The body is not JSON that can be read.", status=400) from None
    if isinstance(parsed, dict) and parsed.get("resourceType") == "ServiceRequest":
        return _as_bundle(parsed)
    if not isinstance(parsed, dict) or parsed.get("resourceType") != "Bundle":
        _refuse("not_fhir_r4", "The body is neither a FHIR R4 bundle nor a service request.")
    if not isinstance(parsed.get("entry", []), list):
        _refuse("not_fhir_r4", "The entries of the bundle are not a list.")
    return parsed


def _as_bundle(order: dict[str, Any]) -> dict[str, Any]:
    """A service request brings what it speaks of along, and calls it by `#id`."""
    contained = [c for c in _list(order.get("contained")) if isinstance(c, dict)]
    entries = [{"fullUrl": f"#{_string(c.get('id'))}", "resource": c} for c in contained]
    return {"resourceType": "Bundle", "entry": [{"resource": order}, *entries]}


def _resources(bundle: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every resource with its full URL; what is no resource is passed over."""
    for entry in bundle.get("entry", []):
        resource = _dict(_dict(entry).get("resource"))
        if resource:
            yield _string(_dict(entry).get("fullUrl")), resource


def _the_patient(resources: list[tuple[str, dict[str, Any]]]) -> tuple[set[str], dict[str, Any]]:
    """The one patient and every way the rest of the bundle may refer to them."""
    patients = [(url, r) for url, r in resources if r.get("resourceType") == "Patient"]
    if not patients:
        _refuse("no_patient", "The bundle holds no patient.")
    if len(patients) > 1:
        _refuse(
            "several_patients", "The bundle holds more than one patient.", "Send one bundle for each person."
        )
    url, patient = patients[0]
    id = _string(patient.get("id"))
    return {r for r in (url, f"Patient/{id}" if id else "", f"urn:uuid:{id}" if id else "") if r}, patient


def _is_about(resource: dict[str, Any], references: set[str]) -> bool:
    """A condition of somebody else in the bundle, such as a parent's, is no indication of the patient's."""
    reference = _string(_dict(resource.get("subject")).get("reference"))
    if not reference or reference.startswith("Patient?") or reference in references:
        return True
    return any(reference.endswith(f"/{r}") for r in references if r.startswith("Patient/"))


def _is_deceased(patient: dict[str, Any]) -> bool:
    said = patient.get("deceasedBoolean")
    return patient.get("deceasedDateTime") is not None or not (said is None or said is False)


def _died_by_suicide(conditions: list[dict[str, Any]]) -> bool:
    """A completed suicide is no diagnosis that resolves, whatever its clinical status says."""
    meant = (
        c for c in conditions if not _codes(c.get("verificationStatus")) & {"refuted", "entered-in-error"}
    )
    return any("deceased" in i.classes for c in meant for i in _coded(c.get("code"), None))


def _conditions(conditions: list[dict[str, Any]]) -> Iterator[Indication]:
    for condition in conditions:
        if isinstance(condition.get("clinicalStatus"), str):
            _refuse("not_fhir_r4", "A condition's clinical status is a plain code, as before R4.")
        live = _codes(condition.get("clinicalStatus")) & _LIVE
        if live and not _codes(condition.get("verificationStatus")) & _NOT_MEANT:
            yield from _coded(condition.get("code"), _day(condition.get("onsetDateTime")))


def _reasons(orders: list[dict[str, Any]]) -> Iterator[Indication]:
    """The coded reasons of a live order count like active conditions."""
    for order in orders:
        if _string(order.get("status")) in _LIVE_ORDER:
            for reason in _list(order.get("reasonCode")):
                yield from _coded(reason, None)


def _coded(concept: Any, onset: date | None) -> Iterator[Indication]:
    for coding in _list(_dict(concept).get("coding")):
        system, code = _text(_dict(coding).get("system")), _text(_dict(coding).get("code"), 20)
        classes = classes_of(system, code)
        if classes:
            yield Indication(system, code, classes, onset)


def _codes(concept: Any) -> set[str]:
    return {_string(_dict(c).get("code")) for c in _list(_dict(concept).get("coding"))} - {""}


def _person(patient: dict[str, Any]) -> Person:
    name = _name(patient)
    family, given = (
        _text(name.get("family")),
        " ".join(filter(None, map(_text, _list(name.get("given")))))[:200],
    )
    if not family or not given:
        _refuse("no_name", "The patient's given and family name are missing.")
    born = _day(patient.get("birthDate"))
    if born is None:
        _refuse("no_birth_date", "The patient's full birth date is missing, so the age cannot be judged.")
    return Person(
        given=given,
        family=family,
        birth_date=born,
        sex=_text(patient.get("gender"), 20) or None,
        phone=_phone(patient),
        language=_language(patient),
        identifiers=tuple(_identifiers(patient)),
    )


def _name(patient: dict[str, Any]) -> dict[str, Any]:
    names = [n for n in map(_dict, _list(patient.get("name"))) if n]
    official = [n for n in names if n.get("use") == "official"]
    usual = [n for n in names if n.get("use") not in ("maiden", "old", "nickname")]
    return (official or usual or names or [{}])[0]


def _phone(patient: dict[str, Any]) -> str | None:
    phones = (t for t in map(_dict, _list(patient.get("telecom"))) if t.get("system") in ("phone", "sms"))
    return next((v for t in phones if (v := _text(t.get("value"), 40))), None)


def _language(patient: dict[str, Any]) -> str | None:
    spoken = [c for c in map(_dict, _list(patient.get("communication"))) if c]
    preferred = sorted(spoken, key=lambda c: c.get("preferred") is not True)
    codes = (_dict(k) for c in preferred for k in _list(_dict(c.get("language")).get("coding")))
    return next((v for k in codes if (v := _text(k.get("code"), 35))), None)


def _identifiers(patient: dict[str, Any]) -> Iterator[Identifier]:
    for identifier in map(_dict, _list(patient.get("identifier"))[:_MAX_IDENTIFIERS]):
        system, value = _text(identifier.get("system")), _text(identifier.get("value"))
        if system and value:
            yield Identifier(system, value)


def _source(orders: list[dict[str, Any]]) -> ReferralSource:
    """A practitioner who orders is a physician who refers; whoever else it is, somebody asks."""
    for order in orders:
        requester = _string(_dict(order.get("requester")).get("reference"))
        kind = (
            _string(_dict(order.get("requester")).get("type"))
            or requester.rpartition("/")[0].rpartition("/")[2]
        )
        if kind in ("Practitioner", "PractitionerRole"):
            return ReferralSource.PCP
    return ReferralSource.OTHER


def _urgency(orders: list[dict[str, Any]]) -> Urgency:
    said = [_URGENCIES[p] for o in orders if (p := _string(o.get("priority"))) in _URGENCIES]
    return max(said, key=list(Urgency).index, default=Urgency.ROUTINE)


def _payer(resources: list[dict[str, Any]]) -> PlanKind | None:
    """The last word on who pays, from the texts of claims and coverages."""
    hint = None
    for resource in resources:
        for said in _payer_texts(resource):
            hint = next((kind for word, kind in _PAYERS if word in said.casefold()), hint)
    return hint


def _payer_texts(resource: dict[str, Any]) -> Iterator[str]:
    if resource.get("resourceType") == "ExplanationOfBenefit":
        for insurance in map(_dict, _list(resource.get("insurance"))):
            yield _string(_dict(insurance.get("coverage")).get("display"))
    elif resource.get("resourceType") == "Coverage":
        yield _string(_dict(resource.get("type")).get("text"))
        for payor in map(_dict, _list(resource.get("payor"))):
            yield _string(payor.get("display"))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _text(value: Any, limit: int = 200) -> str:
    """A string that a database, a log line and a terminal can take; empty where there is none."""
    return "".join(c for c in _string(value) if c.isprintable()).strip()[:limit]


def _day(value: Any) -> date | None:
    match = _DAY.fullmatch(_string(value))
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None
