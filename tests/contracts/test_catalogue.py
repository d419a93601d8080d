"""Every event: who says it, who hears it, where it travels."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import catalogue
from contracts.description import Tables
from contracts.event import Event
from contracts.subjects import LANES, lane_filter, lane_of, said_subjects, subject_of
from deploy.local.contract_examples import example_of
from deploy.local.contracts_cli import Frozen, tables

EVENTS = catalogue.all_events()


@pytest.fixture(scope="module")
def services() -> Tables:
    """What each service hears and says; skips until all four have their table."""
    try:
        return tables()
    except ImportError as error:
        pytest.skip(f"not every service has its table yet: {error}")


def golden(event: type[Event]) -> Event:
    return event.model_validate(example_of(event), strict=False)


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_has_a_name_a_sentence_a_schema_and_a_golden_payload(name: str) -> None:
    event = EVENTS[name]

    assert re.fullmatch(r"(intake|scheduling|progress|notify)\.[a-z0-9]+(_[a-z0-9]+)*\.v[1-9][0-9]*", name)
    assert re.fullmatch(r"[A-Z].*[^.]\.", event.summary())
    assert Frozen().schema_file(name).exists()
    assert Frozen().example_file(name).exists()
    assert event.AGGREGATE in event.model_fields


@pytest.mark.parametrize("name", EVENTS)
def test_a_golden_payload_is_the_one_that_is_generated(name: str) -> None:
    """So that whoever changes an example knows that it was published."""
    published = Frozen().example_file(name).read_text()

    assert EVENTS[name].model_validate_json(published) == golden(EVENTS[name])


def test_no_event_has_a_fraction_in_it() -> None:
    fractional = [name for name in EVENTS if '"number"' in Frozen().schema_file(name).read_text()]

    assert fractional == []


def test_what_is_heard_is_said_by_exactly_one_service(services: Tables) -> None:
    said = Counter(event.type() for _, says in services.values() for event in says)
    heard = {event.type() for hears, _ in services.values() for event in hears}

    assert {name: said[name] for name in heard if said[name] != 1} == {}
    assert set(said) == set(EVENTS)


def test_no_service_hears_itself(services: Tables) -> None:
    echoes = [
        (name, event.type())
        for name, (hears, _) in services.items()
        for event in hears
        if event.service() == name
    ]

    assert echoes == []


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("", 0x811C9DC5),
        ("a", 0xE40C292C),
        ("b", 0xE70C2DE5),
        ("foobar", 0xBF9CF968),
        ("chongo was here!\n", 0xD49930D5),
    ],
)
def test_lanes_follow_the_published_vectors_of_fnv_1a(text: str, digest: int) -> None:
    assert lane_of(text) == digest % LANES


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_every_id_has_a_lane(text: str) -> None:
    assert 0 <= lane_of(text) < LANES


def test_ids_spread_over_all_lanes() -> None:
    counts = Counter(lane_of(f"ep-{n:06}") for n in range(16_000))

    assert len(counts) == LANES
    assert max(counts.values()) < 2 * min(counts.values())


@pytest.mark.parametrize("name", EVENTS)
def test_a_subject_is_network_lane_and_type_and_nothing_about_the_person(name: str) -> None:
    event = golden(EVENTS[name])

    subject = subject_of(event)

    assert subject == f"handrail.north.{lane_of(event.aggregate_id)}.{name}"
    assert re.fullmatch(said_subjects(EVENTS[name]).replace(".", r"\.").replace("*", "[^.]+"), subject)
    assert subject.startswith(
        lane_filter(lane_of(event.aggregate_id)).replace("*", "north").removesuffix(">")
    )


@pytest.mark.parametrize(
    "network", ["a.b", "*", ">", "", "a b", "a\n", "north\n", "ä", "a" * 65, "a/b", "\x00"]
)
def test_a_network_that_could_break_out_of_its_token_is_refused(network: str) -> None:
    event = golden(next(iter(EVENTS.values()))).model_copy(update={"network_id": network})

    with pytest.raises(ValueError, match="subject token"):
        subject_of(event)
