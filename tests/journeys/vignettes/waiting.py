"""What the stories wait for: the steps that nothing built so far can take wholly, and why."""

from collections.abc import Mapping

STEPS: Mapping[int, int] = {1: 24, 2: 7, 3: 6, 4: 7, 5: 12, 6: 10, 7: 6, 8: 13, 9: 10, 10: 4}
"""How many steps each vignette numbers."""
OUTSIDE = 0
"""Stands for the part of a vignette that says who outside learns what."""
GATE = "nothing leaves the house before the consent gate delivers it"
WORKLIST = "staff are told on their worklist, and by no other channel yet"

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
        1: f"who is on call hears by every channel: {WORKLIST}",
        2: "there is no self-scheduling link yet whose sending could be refused; what it leads to is refused",
        3: f"the director hears by voice: {WORKLIST}",
        6: f"the hand-off to the emergency department, DisclosureMade without a consent (2.51): {GATE}",
        10: "a low risk is shown, but no safety plan is suggested yet",
        OUTSIDE: f"E, B and Y get nothing: {GATE}",
    },
    7: {
        3: f"staff hear at once, but only there: {WORKLIST}",
        OUTSIDE: f"E with flags, A without, the payer the step up without answers, alerts nobody: {GATE}",
    },
    8: {
        10: "nobody waits for Fay's seat here: that a freed seat is offered on is told in the tenth story",
        12: "no reminder of an appointment exists yet that could be kept back; the closing note goes at once",
        OUTSIDE: f"the discharge to E, B and Y, what was missed to E only: {GATE}",
    },
    9: {
        9: "the four bundles come one after the other; the code to ask about and the language are shown, "
        "but nothing holds the first call until Monday morning",
        OUTSIDE: f"nothing, as nobody has consented to it: {GATE}",
    },
    10: {
        4: "the machine offers nothing on an assessment that is too old: a person asks for Wes out of turn",
        OUTSIDE: f"the waiting list and the declined referral to E only: {GATE}",
    },
}
"""By vignette, its steps that are taken only in part."""
