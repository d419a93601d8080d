"""What coded conditions say about a referral; the table is data beside this module."""

import re
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

SNOMED = frozenset({"http://snomed.info/sct", "urn:oid:2.16.840.1.113883.6.96", "snomed"})
ICD10 = frozenset(
    {
        "http://hl7.org/fhir/sid/icd-10-cm",
        "http://hl7.org/fhir/sid/icd-10",
        "urn:oid:2.16.840.1.113883.6.90",
        "icd10cm",
    }
)
INDICATING = frozenset({"sud", "mh", "ed", "withdrawal", "overdose", "suicide", "violence", "higher_loc"})
"""Classes that are a reason to be referred; `screen`, `context` and `history` are not."""
FLAGS = {
    "overdose": "overdose_check",
    "suicide": "suicide_check",
    "violence": "violence_check",
    "withdrawal": "withdrawal_check",
    "higher_loc": "higher_level_check",
    "pregnancy": "pregnancy_check",
}
"""What somebody is asked to look at because of a class."""


@dataclass(frozen=True, slots=True)
class Indication:
    """One coded condition that says something, with the day it began where that is known."""

    system: str
    code: str
    classes: tuple[str, ...]
    onset: date | None = None


_TABLE = tomllib.loads(Path(__file__).with_name("indications.toml").read_text(encoding="utf-8"))
_BY_SNOMED: dict[str, tuple[str, ...]] = {
    code: tuple(row["classes"]) for row in _TABLE["snomed"] for code in row["codes"]
}
_OPIOID = re.compile(_TABLE["opioid"]["icd10"], re.ASCII)
_BY_ICD10 = [(re.compile(row["match"], re.ASCII), tuple(row["classes"])) for row in _TABLE["icd10"]]


def classes_of(system: str, code: str) -> tuple[str, ...]:
    """The classes of one code; empty for a code or a system that says nothing here."""
    if system in SNOMED:
        return _BY_SNOMED.get(code, ())
    if system in ICD10:
        return _icd10(code.replace(".", "").upper())
    return ()


def is_opioid(system: str, code: str) -> bool:
    """Whether a coded diagnosis tells of opioid use."""
    return system in ICD10 and _OPIOID.match(code.replace(".", "").upper()) is not None


def _icd10(code: str) -> tuple[str, ...]:
    longest, found = 0, ()
    for pattern, classes in _BY_ICD10:
        match = pattern.match(code)
        if match and match.end() >= longest:
            longest, found = match.end(), classes
    return found
