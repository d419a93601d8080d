"""Reconciling finds each way in which books and stream can disagree."""

from dataclasses import replace

from deploy.local.reconcile import Books, Said, compare

HEARS: dict[str, frozenset[str]] = {"intake": frozenset(), "notify": frozenset({"intake.b.v1"})}
STREAM = [
    Said(1, "e1", "intake.a.v1", "intake", "p1", 1),
    Said(2, "e2", "intake.b.v1", "intake", "p1", 2),
    Said(3, "e3", "intake.b.v1", "intake", "p2", 1),
]
INTAKE = Books(said=("e1", "e2", "e3"), heard=(), parked=0)
NOTIFY = Books(said=(), heard=("e2", "e3"), parked=0)


def counts(stream: list[Said] = STREAM, intake: Books = INTAKE, notify: Books = NOTIFY) -> tuple[int, ...]:
    return tuple(compare(stream, {"intake": intake, "notify": notify}, HEARS).counts().values())


def test_books_that_agree_have_no_findings() -> None:
    assert counts() == (0, 0, 0, 0)


def test_an_event_that_never_reached_the_stream_is_lost() -> None:
    assert counts(intake=replace(INTAKE, said=("e1", "e2", "e3", "e4"))) == (1, 0, 0, 0)


def test_an_event_that_a_service_never_heard_is_lost() -> None:
    assert counts(notify=replace(NOTIFY, heard=("e2",))) == (1, 0, 0, 0)


def test_an_event_that_nobody_wrote_down_is_found() -> None:
    assert counts(intake=replace(INTAKE, said=("e1", "e2"))) == (1, 0, 0, 0)


def test_an_event_twice_in_the_stream_is_doubled_and_out_of_order() -> None:
    assert counts(stream=[*STREAM, Said(4, "e3", "intake.b.v1", "intake", "p2", 1)]) == (0, 1, 1, 0)


def test_an_event_heard_twice_is_doubled() -> None:
    assert counts(notify=replace(NOTIFY, heard=("e2", "e3", "e3"))) == (0, 1, 0, 0)


def test_a_swap_inside_one_story_is_out_of_order() -> None:
    swapped = [replace(STREAM[0], sequence=2), replace(STREAM[1], sequence=1), STREAM[2]]
    assert counts(stream=swapped)[2] == 2


def test_a_swap_between_stories_is_not() -> None:
    swapped = [STREAM[2], *STREAM[:2]]
    renumbered = [replace(said, seq=n) for n, said in enumerate(swapped, start=1)]
    assert counts(stream=renumbered) == (0, 0, 0, 0)


def test_parked_messages_are_counted() -> None:
    assert counts(notify=replace(NOTIFY, parked=2)) == (0, 0, 0, 2)
