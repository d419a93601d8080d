"""What coded conditions say about a referral."""

import pytest

from services.intake.domain.indications import classes_of, is_opioid
from tests.intake.test_fhir import ICD, SNOMED


@pytest.mark.parametrize(
    ("system", "code", "classes"),
    [
        (ICD, "F10.20", {"sud"}),
        (ICD, "F1020", {"sud"}),
        (ICD, "f10.10", {"sud"}),
        (ICD, "F11.21", {"history"}),
        (ICD, "F19.90", {"screen"}),
        (ICD, "F10.230", {"sud", "withdrawal"}),
        (ICD, "F11.93", {"withdrawal"}),
        (ICD, "F12.93", {"screen"}),
        (ICD, "F10.27", {"sud", "higher_loc"}),
        (ICD, "F15.259", {"sud", "higher_loc"}),
        (ICD, "F17.210", set()),
        (ICD, "F32.A", {"mh"}),
        (ICD, "F32.3", {"mh", "higher_loc"}),
        (ICD, "F32.5", {"history"}),
        (ICD, "F33.41", {"mh"}),
        (ICD, "F33.42", {"history"}),
        (ICD, "F31.81", {"mh"}),
        (ICD, "F31.2", {"mh", "higher_loc"}),
        (ICD, "F31.76", {"history"}),
        (ICD, "F43.12", {"mh"}),
        (ICD, "F50.20", {"ed"}),
        (ICD, "F50.25", {"history"}),
        (ICD, "F25.0", {"mh", "higher_loc"}),
        (ICD, "F90.2", {"context"}),
        (ICD, "R45.851", {"suicide"}),
        (ICD, "T14.91XA", {"suicide"}),
        (ICD, "T14.91XS", {"history"}),
        (ICD, "Z91.51", {"history"}),
        (ICD, "T40.1X1A", {"overdose"}),
        (ICD, "T40.411A", {"overdose"}),
        (ICD, "T40.1X2A", {"overdose", "suicide"}),
        (ICD, "T40.1X5A", set()),
        (ICD, "T40.1X1S", {"history"}),
        (ICD, "I10", set()),
        (SNOMED, "55680006", {"overdose"}),
        (SNOMED, "370143000", {"mh"}),
        (SNOMED, "47505003", {"mh"}),
        (SNOMED, "5602001", {"sud"}),
        (SNOMED, "698700004", {"history"}),
        (SNOMED, "F10.20", set()),
        ("", "F10.20", set()),
    ],
)
def test_codes_fall_into_the_classes_of_the_field(system: str, code: str, classes: set[str]) -> None:
    assert set(classes_of(system, code)) == classes


@pytest.mark.parametrize(
    ("system", "code", "opioid"),
    [
        ("icd10cm", "F1120", True),
        (ICD, "F11.20", True),
        ("icd10cm", "f1193", True),
        ("icd10cm", "F1020", False),
        (SNOMED, "F1120", False),
        ("icd10cm", "", False),
    ],
)
def test_a_history_of_opioids_is_told_by_its_codes(system: str, code: str, opioid: bool) -> None:
    assert is_opioid(system, code) is opioid
