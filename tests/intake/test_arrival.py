"""How a way opens: T1, T31, who is known again, and what a site says."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.decisions import Moment, Refused
from contracts.progress import PatientDischarged
from contracts.scheduling import SiteOpened
from contracts.vocabulary import (
    DischargeReason,
    ReferralSource,
    Urgency,
)
from services.intake import domain
from services.intake.domain import Indication, Known, Person
from tests.intake.story import ACTOR, ADMISSION, DANA, LEVEL, RULES, SITE, START, receive, seated


class TestReferral:
    """T1 and T31."""

    def test_a_referral_opens_with_one_event_that_names_nobody(self) -> None:
        opened, received = receive()
        assert received.source is ReferralSource.PCP
        assert (received.episode_id, received.tz, received.requested_program_kind) == ("ref-1", SITE.tz, None)
        assert "Unspoken-Name" not in received.model_dump_json() + repr(opened)
        assert "555" not in received.model_dump_json() + repr(opened)

    def test_an_open_way_of_the_same_person_makes_a_duplicate(self) -> None:
        known = Known(open_referral_id="ref-0", open_site_id="albany")
        with pytest.raises(Refused) as refusal:
            receive(known)
        assert (refusal.value.code, refusal.value.status) == ("duplicate_referral", 409)
        assert refusal.value.facts == {"referral_id": "ref-0"}

    def test_a_duplicate_at_a_site_of_others_points_nowhere(self) -> None:
        with pytest.raises(Refused) as refusal:
            receive(Known(open_referral_id="ref-0", open_site_id="worcester"))
        assert refusal.value.facts == {}

    def test_a_claim_held_by_nobody_who_can_be_shown_is_a_duplicate_all_the_same(self) -> None:
        with pytest.raises(Refused):
            receive(Known(open_referral_id=""))

    def test_a_closed_way_is_linked_and_keeps_the_patients_id(self) -> None:
        opened, received = receive(Known(prior_referral_id="ref-0", prior_patient_id="pat-0"))
        assert (received.prior_episode_id, received.patient_id) == ("ref-0", "pat-0")
        assert opened.referral.flags == ()

    def test_a_namesake_is_marked_and_never_linked(self) -> None:
        opened, received = receive(Known(looks_like_somebody=True))
        assert opened.referral.flags == ("possible_match",)
        assert received.prior_episode_id is None

    @pytest.mark.parametrize(
        ("born", "code"),
        [
            (date(2013, 1, 7), "under_age"),
            (date(2013, 1, 6), None),
            (date(1905, 1, 6), "over_age"),
            (date(1905, 1, 7), None),
            (date(2030, 1, 1), "under_age"),
        ],
    )
    def test_age_is_judged_at_the_sites_day_of_the_referral(self, born: date, code: str | None) -> None:
        if code is None:
            assert receive(person=replace(DANA, birth_date=born))
            return
        with pytest.raises(Refused) as refusal:
            receive(person=replace(DANA, birth_date=born))
        assert refusal.value.code == code
        assert str(born.year) not in refusal.value.message

    def test_the_day_of_the_site_decides_about_a_birthday_not_the_day_in_utc(self) -> None:
        person = replace(DANA, birth_date=date(2013, 1, 7))
        with pytest.raises(Refused):
            receive(person=person, at=datetime(2026, 1, 7, 4, 59, tzinfo=UTC))
        assert receive(person=person, at=datetime(2026, 1, 7, 5, 0, tzinfo=UTC))

    def test_a_hundred_years_are_marked(self) -> None:
        assert receive(person=replace(DANA, birth_date=date(1915, 7, 3)))[0].referral.flags == ("check_age",)
        assert receive(person=replace(DANA, birth_date=date(1926, 7, 3)))[0].referral.flags == ()

    def test_an_old_overdose_stays_routine_and_is_asked_about(self) -> None:
        found = (Indication("snomed", "55680006", ("overdose",), date(2002, 10, 6)),)
        opened, received = receive(indications=found)
        assert (received.urgency, received.requested_program_kind) == (Urgency.ROUTINE, None)
        assert opened.referral.flags == ("overdose_check",)

    @pytest.mark.parametrize(
        ("onset", "urgency"),
        [(None, Urgency.URGENT), (date(2025, 12, 20), Urgency.URGENT), (date(2012, 1, 1), Urgency.ROUTINE)],
    )
    def test_a_fresh_suicidal_crisis_is_urgent(self, onset: date | None, urgency: Urgency) -> None:
        assert (
            receive(indications=(Indication("snomed", "6471006", ("suicide",), onset),))[1].urgency is urgency
        )

    def test_the_end_of_an_episode_closes_the_way_once(self) -> None:
        story = seated()
        story.do(domain.admit_patient, ADMISSION)
        gone = story.heard(
            PatientDischarged, reason=DischargeReason.COMPLETED_GOALS, teds_reason="completed",
            discharged_on=date(2026, 4, 1), admitted_on=date(2026, 1, 6), los_days=80,
            level_at_discharge=LEVEL, goals_total=1, goals_met=1,
        )  # fmt: skip
        assert story.do(domain.end_episode, gone)
        assert story.state.closed
        assert story.do(domain.end_episode, gone) == []


class TestKnowingAPerson:
    def test_each_identifier_and_the_name_with_the_phone_is_a_key(self) -> None:
        keys = domain.person_keys(replace(DANA, identifiers=(domain.Identifier("mrn", "A-17"),)))
        assert len(keys) == 2
        assert list(keys) == sorted(keys)
        assert not any(k == "17" or "Dana" in k for k in keys)

    def test_spelling_and_phone_format_do_not_matter(self) -> None:
        other = Person(" DANA ", "unspoken-name", DANA.birth_date, phone="518.555.0101")
        assert domain.person_keys(other) == domain.person_keys(DANA)

    def test_another_phone_is_another_person_who_looks_alike(self) -> None:
        other = replace(DANA, phone="518 555 0199")
        assert not set(domain.person_keys(other)) & set(domain.person_keys(DANA))
        assert domain.likeness(other) == domain.likeness(DANA)

    def test_fillers_and_numbers_without_a_system_identify_nobody(self) -> None:
        fillers = (domain.Identifier("ssn", "999-99-9999"), domain.Identifier(" ", "A-17"))
        assert domain.person_keys(replace(DANA, phone=None, identifiers=fillers)) == ()

    @given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=20))
    def test_any_text_makes_keys(self, given_name: str, family: str, phone: str) -> None:
        person = Person(given_name, family, DANA.birth_date, phone=phone)
        assert domain.person_keys(person) == domain.person_keys(person)


class TestSites:
    def test_a_site_is_kept_once_and_belongs_to_its_network(self) -> None:
        moment = Moment(START, ACTOR, "c", RULES)
        opened = SiteOpened(
            network_id="net", site_id="albany", tz="America/New_York", opens_local="08:00",
            closes_local="22:00", part2=True,
        )  # fmt: skip
        (kept,) = domain.open_site(None, opened, moment)
        site = domain.evolve_site(None, kept)
        assert site == SITE
        assert domain.open_site(site, opened, moment) == []
        assert domain.open_site(site, opened.model_copy(update={"network_id": "other"}), moment) == []
