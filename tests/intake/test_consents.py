"""Consents: what makes one, who must sign it, and how it ends."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from contracts import intake
from contracts.decisions import Moment, Unwake, Wake
from contracts.intake import Recipient
from contracts.vocabulary import DeclineReason
from services.intake import domain
from tests.intake.story import (
    ACTOR,
    BOTH,
    DISCLOSURE,
    KAI,
    NO_RISKS,
    RULES,
    SITE,
    START,
    TREATMENT,
    Story,
    admitted,
    consented,
    declined,
    referral_of,
    referred,
    ruled,
)

SIGNED_TPO = replace(DISCLOSURE, kind="part2_tpo", purposes=("TREAT", "HPAYMT", "HOPERAT"))
CONTACT = domain.GrantConsent("contact_preferences", channels=("sms",))
KAI_18 = datetime(2028, 5, 20, 4, 0, tzinfo=UTC)
BY_PARENT = replace(TREATMENT, signers=("parent_or_guardian",))
BLANK: dict[str, Any] = {
    "signers": (), "disclosers": (), "recipients": (), "purposes": (), "info_categories": (),
    "expires_event": None,
}  # fmt: skip
PART_2 = ["disclosers", "expiry", "info_categories", "purposes", "recipients", "signers"]


def kai(command: domain.GrantConsent = TREATMENT) -> Story:
    story = referred(person=KAI)
    story.do(domain.grant_consent, command)
    return story


def newest(story: Story) -> str:
    return story.state.consents[-1].id


class TestElements:
    """42 CFR 2.31: what a written consent must say."""

    @pytest.mark.parametrize(
        ("kind", "missing"),
        [
            ("treatment", ["signers"]),
            ("telehealth", ["signers"]),
            ("treatment_verbal", []),
            ("contact_preferences", []),
            ("part2_tpo", PART_2),
            ("part2_disclosure", PART_2),
            ("part2_proceedings", PART_2),
            ("part2_counseling_notes", [e for e in PART_2 if e != "info_categories"]),
        ],
    )
    def test_each_kind_says_its_own(self, kind: str, missing: list[str]) -> None:
        blank = replace(DISCLOSURE, kind=kind, **BLANK)
        story = referred()
        if not missing:
            assert story.do(domain.grant_consent, blank)
            return
        (failed,) = story.refusal(domain.grant_consent, blank).facts["failed"]
        assert (failed["guard"], sorted(failed["missing"])) == ("consent_elements", missing)
        assert failed["cite"]

    @pytest.mark.parametrize(
        "element", ["signers", "disclosers", "recipients", "purposes", "info_categories"]
    )
    def test_one_element_that_lacks_is_one_that_is_named(self, element: str) -> None:
        without: dict[str, Any] = {element: ()}
        lacking = replace(DISCLOSURE, **without)
        (failed,) = referred().refusal(domain.grant_consent, lacking).facts["failed"]
        assert failed["missing"] == [element]

    def test_only_treatment_payment_and_operations_may_go_without_an_end(self) -> None:
        endless = replace(DISCLOSURE, expires_event="none")
        (failed,) = referred().refusal(domain.grant_consent, endless).facts["failed"]
        assert failed["missing"] == ["expiry"]
        assert referred().do(domain.grant_consent, replace(SIGNED_TPO, expires_event="none"))
        no_word = replace(SIGNED_TPO, expires_event=None)
        assert referred().refused(domain.grant_consent, no_word) == {"consent_elements"}

    def test_and_covers_nothing_else(self) -> None:
        more = replace(SIGNED_TPO, purposes=("TREAT", "other"))
        assert referred().refused(domain.grant_consent, more) == {"consent_elements"}

    def test_a_consent_is_not_over_before_it_begins(self) -> None:
        story = referred()
        over = replace(DISCLOSURE, expires_event=None, expires_at=story.at)
        assert story.refused(domain.grant_consent, over) == {"not_over"}
        assert story.do(domain.grant_consent, replace(over, expires_at=story.at + timedelta(seconds=1)))

    def test_everything_it_says_is_told(self) -> None:
        story = referred()
        story.do(domain.grant_consent, DISCLOSURE)
        said = story.said(intake.ConsentGranted)[0]
        for element in ("disclosers", "recipients", "purposes", "info_categories", "expires_event"):
            assert getattr(said, element) == getattr(DISCLOSURE, element)
        assert said.signers == ("patient",)


class TestSignatures:
    def test_a_minor_needs_whom_state_law_names(self) -> None:
        story = kai()
        assert story.said(intake.ConsentGranted) == []
        assert story.state.consents[0].missing == ("parent_or_guardian",)
        assert story.refused(domain.screen_patient, NO_RISKS) == {"treatment_consent"}
        story.do(domain.sign_consent, domain.SignConsent(newest(story), "parent_or_guardian"))
        assert story.said(intake.ConsentGranted)[0].signers == BOTH
        assert story.do(domain.screen_patient, NO_RISKS)

    def test_where_both_must_sign_it_counts_with_the_second_signature(self) -> None:
        story = referred(person=KAI)
        story.rules = ruled(minor_signers=BOTH)
        story.do(domain.grant_consent, BY_PARENT)
        assert story.state.consents[0].missing == ("patient",)
        assert story.refused(domain.screen_patient, NO_RISKS) == {"treatment_consent"}
        story.later(days=1).do(domain.sign_consent, domain.SignConsent(newest(story), "patient"))
        (said,) = story.said(intake.ConsentGranted)
        assert (set(said.signers), said.signed_at) == (set(BOTH), story.at)

    def test_an_adult_signs_or_whoever_stands_for_them(self) -> None:
        story = referred()
        story.do(domain.grant_consent, BY_PARENT)
        assert story.state.consents[0].missing == ("patient",)
        story.do(domain.grant_consent, replace(TREATMENT, signers=("personal_representative",)))
        assert story.said(intake.ConsentGranted)

    def test_a_draft_leaves_the_standing_one_alone(self) -> None:
        story = consented()
        story.do(domain.grant_consent, BY_PARENT)
        assert story.state.consent("treatment", at=story.at)

    def test_nobody_signs_twice_what_is_complete(self) -> None:
        story = consented()
        again = domain.SignConsent(newest(story), "patient")
        assert story.refused(domain.sign_consent, again) == {"signature_missing"}


class TestComingOfAge:
    def test_a_parents_signature_ends_at_local_midnight_of_the_birthday(self) -> None:
        story = kai(BY_PARENT)
        ends = datetime(2028, 5, 20, 4, 0, tzinfo=UTC)
        (said,) = story.said(intake.ConsentGranted)
        assert said.expires_at == ends
        assert Wake(ends, f"consent_expires:{said.consent_id}") in story.facts
        story.at = ends - timedelta(seconds=1)
        assert story.woke(domain.expire_consent, f"consent_expires:{said.consent_id}") == []
        story.at = ends
        story.woke(domain.expire_consent, f"consent_expires:{said.consent_id}")
        assert story.said(intake.ConsentExpired)[0].cause == "of_age"
        assert story.state.consents == ()

    def test_what_the_minor_signed_too_goes_on(self) -> None:
        assert kai(replace(TREATMENT, signers=BOTH)).said(intake.ConsentGranted)[0].expires_at is None

    def test_an_earlier_end_stays_earlier(self) -> None:
        soon = datetime(2026, 6, 1, tzinfo=UTC)
        story = kai(replace(BY_PARENT, expires_at=soon))
        (said,) = story.said(intake.ConsentGranted)
        assert said.expires_at == soon
        story.at = soon
        story.woke(domain.expire_consent, f"consent_expires:{said.consent_id}")
        assert story.said(intake.ConsentExpired)[0].cause == "date"

    @pytest.mark.parametrize(
        ("born", "tz", "ends"),
        [
            (date(2008, 2, 29), "America/New_York", datetime(2026, 3, 1, 5, 0, tzinfo=UTC)),
            (date(2008, 5, 20), "America/Phoenix", datetime(2026, 5, 20, 7, 0, tzinfo=UTC)),
        ],
    )
    def test_a_leap_day_and_a_zone_without_summer_time(self, born: date, tz: str, ends: datetime) -> None:
        story = referred(person=replace(KAI, birth_date=born)).change(tz=tz)
        story.do(domain.grant_consent, BY_PARENT)
        assert story.said(intake.ConsentGranted)[0].expires_at == ends

    @pytest.mark.parametrize("first", ["of_age", "consent_expires"])
    def test_on_that_day_consents_are_asked_for_anew_whichever_wake_rings_first(self, first: str) -> None:
        story = kai(BY_PARENT)
        story.do(domain.grant_consent, replace(DISCLOSURE, signers=BOTH))
        story.do(domain.grant_consent, replace(CONTACT, signers=BOTH))
        treatment = story.state.consents[0].id
        assert Wake(KAI_18, "of_age") in story.facts
        decide = {"of_age": domain.come_of_age, "consent_expires": domain.expire_consent}[first]
        what = {"of_age": "of_age", "consent_expires": f"consent_expires:{treatment}"}[first]

        story.at = KAI_18 - timedelta(seconds=1)
        assert story.woke(decide, what) in ([], [Wake(KAI_18, "of_age")])
        story.at = KAI_18
        facts = story.woke(decide, what)

        (said,) = story.said(intake.PatientCameOfAge)
        assert said.ended == ("contact_preferences", "treatment")
        assert said.to_renew == ("contact_preferences", "part2_disclosure", "treatment")
        assert "2010" not in said.model_dump_json()
        assert {c.kind for c in story.said(intake.ConsentExpired)} == set(said.ended)
        assert Unwake(f"consent_expires:{treatment}") in facts
        assert [c.kind for c in story.state.consents] == ["part2_disclosure"]
        assert "treatment_consent" in story.refused(domain.screen_patient, NO_RISKS)
        assert story.woke(domain.come_of_age, "of_age") == []
        assert story.woke(domain.expire_consent, f"consent_expires:{treatment}") == []

    def test_the_person_then_signs_alone(self) -> None:
        story = kai(BY_PARENT)
        story.at = KAI_18
        story.woke(domain.come_of_age, "of_age")
        for theirs in (BY_PARENT, replace(CONTACT, signers=("parent_or_guardian",))):
            story.do(domain.grant_consent, theirs)
            assert story.state.consents[-1].missing == ("patient",)
        for own in (TREATMENT, CONTACT):
            story.do(domain.grant_consent, own)
        assert {c.kind for c in story.state.consents if not c.missing} == {"treatment", "contact_preferences"}
        assert story.said(intake.ConsentGranted)[-1].expires_at is None

    def test_who_was_of_age_at_the_referral_comes_of_age_no_more(self) -> None:
        story = referred()
        assert not any(isinstance(f, Wake) and f.what == "of_age" for f in story.facts)
        story.do(domain.grant_consent, replace(DISCLOSURE, expires_event=None, expires_at=KAI_18))
        story.at = KAI_18
        assert story.woke(domain.come_of_age, "of_age") == []
        story.woke(domain.expire_consent, f"consent_expires:{newest(story)}")
        assert story.said(intake.PatientCameOfAge) == []
        assert story.said(intake.ConsentExpired)[0].cause == "date"

    @pytest.mark.parametrize("ending", ["declined", "discharged"])
    def test_who_left_before_is_asked_nothing_and_the_guardians_word_ends_all_the_same(
        self, ending: str
    ) -> None:
        story = kai(BY_PARENT)
        consent = newest(story)
        if ending == "declined":
            gone = story.do(domain.decline_referral, declined(DeclineReason.PATIENT_DECLINED))
        else:
            gone = story.change(stage=domain.Stage.ADMITTED).discharged()
        assert Unwake("of_age") in gone
        story.at = KAI_18
        assert story.woke(domain.come_of_age, "of_age") == []
        story.woke(domain.expire_consent, f"consent_expires:{consent}")
        assert [c.consent_id for c in story.said(intake.ConsentExpired)] == [consent]
        assert story.said(intake.PatientCameOfAge) == []

    def test_during_treatment_too(self) -> None:
        story = kai(BY_PARENT).change(stage=domain.Stage.ADMITTED)
        story.at = KAI_18
        story.woke(domain.come_of_age, "of_age")
        assert story.said(intake.PatientCameOfAge)

    @pytest.mark.parametrize(
        ("born", "tz", "begins"),
        [
            # The clocks go forward on that very night, and on that very morning.
            (date(2008, 3, 8), "America/New_York", datetime(2026, 3, 8, 5, 0, tzinfo=UTC)),
            (date(2008, 2, 29), "America/Chicago", datetime(2026, 3, 1, 6, 0, tzinfo=UTC)),
            (date(2008, 5, 20), "Pacific/Auckland", datetime(2026, 5, 19, 12, 0, tzinfo=UTC)),
        ],
    )
    def test_the_day_begins_at_midnight_of_the_site(self, born: date, tz: str, begins: datetime) -> None:
        site = replace(SITE, tz=tz)
        moment = Moment(START, ACTOR, "c", RULES)
        young = referral_of(replace(KAI, birth_date=born))
        facts = domain.receive_referral(site, domain.Known(), young, moment, "ref-1")
        assert [f for f in facts if isinstance(f, Wake)] == [Wake(begins, "of_age")]

    def test_a_state_may_know_another_age_of_majority(self) -> None:
        story = kai(BY_PARENT)
        nineteen = RULES.majority.model_copy(update={"age": 19})
        story.rules = RULES.model_copy(update={"majority": nineteen})
        story.at = KAI_18
        later = datetime(2029, 5, 20, 4, 0, tzinfo=UTC)
        assert story.woke(domain.come_of_age, "of_age") == [Wake(later, "of_age")]
        assert kai(BY_PARENT).said(intake.ConsentGranted)[0].expires_at == KAI_18


class TestEnding:
    def test_a_consent_is_taken_back_at_once_and_by_the_closed_too(self) -> None:
        story = consented()
        story.do(domain.decline_referral, declined(DeclineReason.PATIENT_DECLINED))
        facts = story.do(domain.revoke_consent, domain.RevokeConsent(newest(story)))
        said = story.said(intake.ConsentRevoked)[0]
        assert (said.kind, said.revoked_at, said.scope_remaining) == ("treatment", story.at, ())
        assert Unwake(f"consent_expires:{said.consent_id}") in facts
        again = domain.RevokeConsent(said.consent_id)
        assert story.refused(domain.revoke_consent, again) == {"consent_known"}

    def test_what_still_stands_of_the_kind_is_named(self) -> None:
        story = referred()
        story.do(domain.grant_consent, DISCLOSURE)
        first = newest(story)
        other = replace(DISCLOSURE, recipients=(Recipient(id="court", kind="court"),))
        story.do(domain.grant_consent, other)
        story.do(domain.revoke_consent, domain.RevokeConsent(newest(story)))
        assert story.said(intake.ConsentRevoked)[0].scope_remaining == (first,)

    def test_a_date_ends_it_to_the_instant(self) -> None:
        story = referred()
        ends = story.at + timedelta(days=2)
        story.do(domain.grant_consent, replace(DISCLOSURE, expires_at=ends))
        what = f"consent_expires:{newest(story)}"
        assert story.later(days=2, seconds=-1).woke(domain.expire_consent, what) == []
        assert story.later(seconds=1).woke(domain.expire_consent, what)
        assert story.woke(domain.expire_consent, what) == []

    def test_the_end_of_the_treatment_ends_what_was_given_for_it(self) -> None:
        story = consented()
        story.do(domain.grant_consent, DISCLOSURE)
        story.do(domain.decline_referral, declined(DeclineReason.PATIENT_DECLINED))
        assert [c.cause for c in story.said(intake.ConsentExpired)] == ["end_of_treatment"]
        assert [c.kind for c in story.state.consents] == ["treatment"]
        story = admitted()
        story.do(domain.grant_consent, DISCLOSURE)
        story.discharged()
        assert [c.cause for c in story.said(intake.ConsentExpired)] == ["end_of_treatment"]

    def test_what_nobody_finished_signing_never_began_and_never_ends(self) -> None:
        story = kai(DISCLOSURE)
        story.do(domain.decline_referral, declined(DeclineReason.PATIENT_DECLINED))
        assert story.said(intake.ConsentExpired) == []
        late = domain.SignConsent(newest(story), "parent_or_guardian")
        assert story.refused(domain.sign_consent, late) == {"not_closed"}


class TestReplacing:
    def test_the_newest_of_a_kind_counts(self) -> None:
        story = consented()
        first = newest(story)
        facts = story.do(domain.grant_consent, TREATMENT)
        assert Unwake(f"consent_expires:{first}") in facts
        assert len(story.state.consents) == 1
        assert newest(story) != first

    def test_disclosures_stand_beside_each_other_one_for_each_recipient(self) -> None:
        story = referred()
        other = replace(DISCLOSURE, recipients=(Recipient(id="court", kind="court"),))
        for command in (DISCLOSURE, other, DISCLOSURE):
            story.do(domain.grant_consent, command)
        assert [c.recipients[0].id for c in story.state.consents] == ["court", "clinic-7"]

    def test_a_verbal_consent_never_stands_for_the_signed_one(self) -> None:
        story = referred()
        story.do(domain.grant_consent, domain.GrantConsent("treatment_verbal"))
        assert story.state.consent("treatment", at=story.at) is None


def test_at_the_instant_it_names_a_consent_is_over_whether_or_not_that_was_said() -> None:
    story = referred()
    ends = story.at + timedelta(days=1)
    story.do(domain.grant_consent, domain.GrantConsent("treatment", expires_at=ends))
    story.later(days=1, seconds=-1)
    assert story.state.consent("treatment", at=story.at)
    story.later(seconds=1)
    assert "treatment_consent" in story.refused(domain.screen_patient, NO_RISKS)
