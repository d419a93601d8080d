"""What the stories wait for: the steps that nothing built so far can take, and why."""

from collections.abc import Mapping

STEPS: Mapping[int, int] = {1: 24, 2: 7, 3: 6, 4: 7, 5: 12, 6: 10, 7: 6, 8: 13, 9: 10, 10: 4}
"""How many steps each vignette numbers."""
OUTSIDE = 0
"""Stands for the part of a vignette that says who outside learns what."""
GATE = "nothing leaves the house before the consent gate delivers it"

WAITING: Mapping[int, Mapping[int, str]] = {
    1: {
        1: f"DisclosureWithheld for the EHR, as there is no consent: {GATE}",
        5: f"PatientAssessed to EHR and payer, CoverageVerified to the biller: {GATE}",
        OUTSIDE: f"everything of table O for E, B, Y and A from S3 on: {GATE}",
    },
    2: {OUTSIDE: f"B, Y and E learn of the levels, A of nothing (DisclosureWithheld): {GATE}"},
    3: {OUTSIDE: f"B gets both minutes, each payer only its own person: {GATE}"},
    4: {
        1: f"that nothing is outside until Kai has signed: {GATE}",
        5: f"E, B and Y go on from his birthday, as Kai signed too; else DisclosureWithheld: {GATE}",
        OUTSIDE: f"as table O, and never to the school: {GATE}",
    },
    5: {
        4: f"the EHR learns of the referral, D-1 gets the hand-off (DisclosureMade): {GATE}",
        OUTSIDE: f"as table O: {GATE}",
    },
    6: {
        6: f"the hand-off to the emergency department, DisclosureMade without a consent (2.51): {GATE}",
        OUTSIDE: f"E, B and Y get nothing: {GATE}",
    },
    7: {OUTSIDE: f"E with flags, A without, the payer the step up without answers, alerts nobody: {GATE}"},
    8: {OUTSIDE: f"the discharge to E, B and Y, what was missed to E only: {GATE}"},
    9: {OUTSIDE: f"nothing, as nobody has consented to it: {GATE}"},
    10: {OUTSIDE: f"the waiting list and the declined referral to E only: {GATE}"},
}
"""By vignette, its steps that are taken only in part."""
