"""Every guard of every transition has a case that fails without it; a new guard needs a new case."""

import ast
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from contracts.decisions import Guard, Refused, require
from services.intake import domain
from services.intake.domain import Administered, Known
from tests.intake.guard_cases import CASES, Case
from tests.intake.guard_steps import STEPS, fully_signed
from tests.intake.story import DANA, NO_RISKS, Story, assessed, consented, receive, referred
from tests.intake.test_fhir import CODES

Require = Callable[..., None]
MODULES: list[ModuleType] = [
    import_module(f"{domain.__name__}.{found.name}") for found in pkgutil.iter_modules(domain.__path__)
]
BY_CASE = pytest.mark.parametrize("case", CASES, ids=[f"{n}-{case}" for n, case in enumerate(CASES)])


@contextmanager
def requiring(stand_in: Require) -> Iterator[None]:
    """Every rule of intake asks `stand_in` instead of `require`."""
    with pytest.MonkeyPatch.context() as patch:
        for module in MODULES:
            if hasattr(module, "require"):
                patch.setattr(module, "require", stand_in)
        yield


def broken(case: Case) -> tuple[Story, Any, dict[str, Any]]:
    """The passing step with the one thing that is different."""
    step = STEPS[case.step]
    story = step.story()
    case.given(story)
    message = step.message(story)
    return story, replace(message, **case.said) if case.said else message, step.more | case.more


@pytest.mark.parametrize("name", STEPS)
def test_a_step_passes_when_nothing_is_broken(name: str) -> None:
    step = STEPS[name]
    story = step.story()
    assert story.do(step.decide, step.message(story), **step.more)


@BY_CASE
def test_what_is_broken_is_refused_by_exactly_that_guard(case: Case) -> None:
    step = STEPS[case.step]
    story, message, more = broken(case)
    refusal = story.refusal(step.decide, message, **more)
    failed = refusal.facts["failed"]
    assert [f["guard"] for f in failed] == [case.guard]
    assert refusal.code == step.code
    assert failed[0]["why"] in refusal.message
    assert refusal.message.endswith(".")
    assert failed[0] == failed[0] | case.shows


@BY_CASE
def test_without_its_guard_what_is_broken_would_go_through(case: Case) -> None:
    """Whatever stops it then is no refusal: only the assertions behind the guard tell a type checker."""
    story, message, more = broken(case)
    asked = []

    def without(code: str, sentence: str, guards: Sequence[Guard], *, hint: str = "") -> None:
        asked.append(code)
        require(code, sentence, [g for g in guards if g.id != case.guard], hint=hint)

    with requiring(without):
        try:
            facts = list(STEPS[case.step].decide(story.state, message, story.moment(), **more))
        except AssertionError:
            facts = []
    assert asked == [STEPS[case.step].code]
    assert facts or (case.step, case.guard) in ASSERTED


ASSERTED = {
    ("T2", "suicide_screen"), ("T2", "withdrawal_risk"), ("T8 seat", "program_kind"), ("T9", "seat_held"),
    ("T12", "seat_held"), ("out of turn", "wish_known"), ("signature", "consent_known"),
    ("revocation", "consent_known"),
}  # fmt: skip
"""Guards behind which the rule itself relies on what they hold."""


def test_every_guard_that_any_decision_asks_has_a_case() -> None:
    """Asked while every passing and every broken step runs."""
    asked: set[tuple[str, str]] = set()

    def remembering(code: str, sentence: str, guards: Sequence[Guard], *, hint: str = "") -> None:
        asked.update((code, g.id) for g in guards)
        require(code, sentence, guards, hint=hint)

    with requiring(remembering):
        for step in STEPS.values():
            story = step.story()
            story.do(step.decide, step.message(story), **step.more)
        for case in CASES:
            story, message, more = broken(case)
            story.refusal(STEPS[case.step].decide, message, **more)
    told = {(STEPS[c.step].code, c.guard) for c in CASES}
    assert asked == told, f"no case: {asked - told}; never asked: {told - asked}"


def test_every_guard_that_is_written_anywhere_has_a_case() -> None:
    """A guard behind a branch that no step takes is found in the text of the rules."""
    written = {word for module in MODULES for word in _first_words(module, {"Guard", "known"})}
    assert written == {c.guard for c in CASES}


def test_every_decision_that_requires_something_has_a_step() -> None:
    written = {word for module in MODULES for word in _first_words(module, {"require"})}
    assert written == {step.code for step in STEPS.values()}


def test_every_refusal_that_is_no_guard_has_a_case() -> None:
    written = {word for module in MODULES for word in _first_words(module, {"Refused", "_refuse"})}
    elsewhere = {"not_json", *CODES}
    assert written == set(REFUSALS) | elsewhere


def _first_words(module: ModuleType, names: set[str]) -> Iterator[str]:
    """The first argument of every call of some functions, where it is a word."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        first = node.args[0]
        if called in names and isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value


def _answers(*answers: int) -> Any:
    command = replace(NO_RISKS, instruments=(Administered("gad7", answers),))
    return lambda: consented().do(domain.screen_patient, command)


REFUSALS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "under_age": (
        lambda: receive(person=replace(DANA, birth_date=date(2013, 1, 7))),
        lambda: receive(person=replace(DANA, birth_date=date(2013, 1, 6))),
    ),
    "over_age": (
        lambda: receive(person=replace(DANA, birth_date=date(1905, 1, 6))),
        lambda: receive(person=replace(DANA, birth_date=date(1905, 1, 7))),
    ),
    "deceased": (
        lambda: receive(Known(earlier_episodes=("ref-0",), died=True)),
        lambda: receive(Known(earlier_episodes=("ref-0",))),
    ),
    "bad_answers": (_answers(4, 0, 0, 0, 0, 0, 0), _answers(3, 0, 0, 0, 0, 0, 0)),
    "alert_unknown": (
        lambda: (
            STEPS["acknowledgement"].story().do(domain.acknowledge_alert, domain.AcknowledgeAlert("alert-7"))
        ),
        lambda: (s := STEPS["acknowledgement"].story()).do(
            domain.acknowledge_alert, domain.AcknowledgeAlert(s.alert().id)
        ),
    ),
}
"""T1, T31 and what is refused before any guard: how it is refused, and the nearest that passes."""


@pytest.mark.parametrize("code", REFUSALS)
def test_what_is_refused_without_a_guard_is_refused_with_its_code(code: str) -> None:
    wrong, right = REFUSALS[code]
    with pytest.raises(Refused) as refusal:
        wrong()
    assert refusal.value.code == code
    assert "Unspoken-Name" not in refusal.value.message + repr(refusal.value.facts)
    assert right()


def test_a_refusal_names_every_guard_that_fails() -> None:
    """Two things wrong are two words, in the order of the rule."""
    story = assessed()
    command = domain.RequestSeat(date(2025, 1, 1), 1, 1)
    failed = story.refusal(domain.request_seat, command).facts["failed"]
    assert [f["guard"] for f in failed] == ["minutes_in_band", "start_in_reach"]


def test_a_consent_that_waits_for_a_signature_is_named_in_the_refusal() -> None:
    story = STEPS["signature"].story()
    (failed,) = story.refusal(domain.screen_patient, NO_RISKS).facts["failed"]
    assert (failed["guard"], failed["signature_missing"]) == ("treatment_consent", ["parent_or_guardian"])
    assert fully_signed().do(domain.screen_patient, NO_RISKS)
    assert "signature_missing" not in referred().refusal(domain.screen_patient, NO_RISKS).facts["failed"][0]
