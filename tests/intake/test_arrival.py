"""How a way opens: T1, T31, who is known again, and what a site says."""

from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.decisions import Moment, Refused
from contracts.scheduling import SiteOpened
from contracts.vocabulary import (
    DischargeReason,
    ReferralSource,
    Urgency,
)
from services.intake import domain
from services.intake.domain import Indication, Known, Person, Referral, Stage
from tests.intake.story import (
    ACTOR,
    DANA,
    RULES,
    SITE,
    START,
    admitted,
    receive,
    referral_of,
    referred,
    seated,
)

MRN = domain.Identifier("mrn", "A-17")


def link(
    receipt_id: str, match: int, referral: Referral, command: domain.ReceiveReferral, moment: Moment
) -> list[Any]:
    return domain.link_referral(referral, receipt_id, match, command, moment)


class TestReferral:
    """T1 and T31."""

    def test_a_referral_opens_with_one_event_that_names_nobody(self) -> None:
        opened, received = receive()
        assert received.source is ReferralSource.PCP
        assert (received.episode_id, received.tz, received.requested_program_kind) == ("ref-1", SITE.tz, None)
        assert "Unspoken-Name" not in received.model_dump_json() + repr(opened)
        assert "555" not in received.model_dump_json() + repr(opened)

    def test_an_earlier_way_is_followed_on_and_keeps_the_patients_id(self) -> None:
        known = Known(earlier_episodes=("ref-0", "ref-00"), patient_id="pat-0")
        opened, received = receive(known)
        assert (received.prior_episode_id, received.patient_id) == ("ref-0", "pat-0")
        assert opened.referral.earlier_episodes == ("ref-0", "ref-00")
        assert opened.referral.flags == ()

    def test_whoever_died_is_not_referred_again(self) -> None:
        with pytest.raises(Refused) as refusal:
            receive(Known(earlier_episodes=("ref-0",), patient_id="pat-0", died=True))
        assert (refusal.value.code, refusal.value.status) == ("deceased", 422)

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
        story = admitted()
        assert story.discharged()
        assert story.state.closed
        assert not story.state.died
        assert story.discharged() == []

    def test_a_death_is_kept_with_the_way(self) -> None:
        story = admitted()
        story.discharged(DischargeReason.DECEASED)
        assert story.state.died

    def test_a_death_known_after_the_end_is_kept_too_and_leaves_the_end_as_it_was(self) -> None:
        story = admitted()
        assert story.died() == []
        story.discharged()
        ended = story.state.closed_at, story.state.closed_reason
        assert story.died()
        assert story.state.died
        assert (story.state.closed_at, story.state.closed_reason) == ended
        assert story.died() == []

    def test_who_was_never_admitted_is_not_discharged(self) -> None:
        assert seated().discharged() == []


class TestLinking:
    """K18: one way for one person, whoever refers."""

    def test_a_second_source_is_kept_beside_the_first_and_nothing_opens(self) -> None:
        story = referred(digest="first")
        doctor = referral_of(
            source=ReferralSource.HOSPITAL, urgency=Urgency.URGENT, site_id="troy", digest="second"
        )
        (linked, _) = story.do(partial(link, "ref-9", 950), doctor)
        assert (linked.receipt_id, linked.wished_site_id, linked.match_permille) == ("ref-9", "troy", 950)
        assert story.stands() is Stage.REFERRED
        assert [(s.source, s.site_id, s.digest) for s in story.state.sources] == [
            (ReferralSource.PCP, "albany", "first"),
            (ReferralSource.HOSPITAL, "troy", "second"),
        ]
        assert story.state.urgency is Urgency.URGENT, "urgency only rises"

    @pytest.mark.parametrize("digest", ["first", "second"])
    def test_the_same_once_more_is_nothing_new(self, digest: str) -> None:
        story = referred(digest="first")
        story.do(partial(link, "ref-9", 950), referral_of(digest="second"))
        assert story.do(partial(link, "ref-10", 950), referral_of(digest=digest)) == []

    def test_what_has_no_digest_is_always_kept(self) -> None:
        story = referred()
        assert story.do(partial(link, "ref-9", 950), referral_of())
        assert story.do(partial(link, "ref-10", 950), referral_of())

    def test_a_running_episode_links_too(self) -> None:
        story = admitted()
        story.do(partial(link, "ref-9", 950), referral_of(digest="hospital"))
        assert (story.stands(), len(story.state.sources)) == (Stage.ADMITTED, 2)

    def test_a_fresh_crisis_shows_in_the_sources_urgency_and_names_nobody(self) -> None:
        story = referred()
        found = (Indication("snomed", "6471006", ("suicide",), None),)
        (linked, _) = story.do(partial(link, "ref-9", 1000), referral_of(indications=found))
        assert linked.urgency is Urgency.URGENT
        assert "Unspoken-Name" not in linked.model_dump_json() + repr(story.facts)


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

    @pytest.mark.parametrize(
        ("changes", "score"),
        [
            ({}, 950),
            ({"identifiers": (MRN,)}, 1000),
            ({"identifiers": (MRN,), "family": "Married", "phone": None}, 1000),
            ({"phone": "518 555 0199"}, 600),
            ({"phone": None}, 600),
            ({"family": "Married"}, 500),
            ({"family": "Married", "phone": None}, 0),
            ({"birth_date": date(1991, 5, 3)}, 0),
        ],
    )
    def test_the_strongest_agreement_counts(self, changes: dict[str, Any], score: int) -> None:
        here = replace(DANA, identifiers=(MRN,))
        there = replace(DANA, **changes)
        assert domain.likeness_score(here, there, RULES.matching) == score
        assert domain.likeness_score(there, here, RULES.matching) == score

    def test_two_without_a_phone_do_not_share_one(self) -> None:
        one, other = replace(DANA, phone=None), replace(DANA, phone=None, family="Married")
        assert domain.likeness_score(one, other, RULES.matching) == 0
        assert domain.likeness_score(one, one, RULES.matching) == 600

    def test_only_what_links_by_itself_reaches_the_threshold(self) -> None:
        rules = RULES.matching
        assert rules.identifier >= rules.name_birth_phone > rules.name_birth > rules.birth_phone

    def test_points_are_of_the_network(self) -> None:
        rules = RULES.matching.model_copy(update={"name_birth": 700})
        assert domain.likeness_score(DANA, replace(DANA, phone=None), rules) == 700

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
