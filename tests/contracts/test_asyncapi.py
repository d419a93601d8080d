"""The AsyncAPI document and the tables of the README say what the code says."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from contracts import catalogue
from contracts.description import Tables, asyncapi, readme_sections, schema_of
from contracts.event import Envelope
from contracts.intake import ReferralReceived
from deploy.local.contract_examples import example_of
from deploy.local.contracts_cli import BEGIN, END, FOLDER, README, described_readme, tables

TOOLS = FOLDER.parent / ".tools"
EVENTS = catalogue.all_events()
SAYS: Tables = {name: ((), catalogue.events_of(name)) for name in catalogue.SPEAKERS}


@pytest.fixture(scope="module")
def services() -> Tables:
    """What each service hears and says; skips until all four have their table."""
    try:
        return tables()
    except ImportError as error:
        pytest.skip(f"not every service has its table yet: {error}")


def test_the_published_document_is_the_generated_one(services: Tables) -> None:
    published = json.loads((FOLDER / "asyncapi.json").read_text())

    assert published == asyncapi(services), "run `handrail contracts describe`"


def test_the_readme_shows_the_generated_tables(services: Tables) -> None:
    text = README.read_text() if README.exists() else ""
    if BEGIN not in text or END not in text:
        pytest.skip("the README has no markers for the event tables")

    assert text == described_readme(text, readme_sections(services)), "run `handrail contracts describe`"


def test_there_is_a_channel_for_each_event_and_an_operation_for_each_side(services: Tables) -> None:
    document = asyncapi(services)

    assert set(document["channels"]) == set(EVENTS)
    assert len(document["operations"]) == sum(len(tuple(h)) + len(tuple(s)) for h, s in services.values())
    assert document["operations"]["intake.says.intake.patient_admitted.v1"]["action"] == "send"
    assert document["operations"]["notify.hears.intake.patient_admitted.v1"]["action"] == "receive"


def test_the_order_of_a_table_does_not_change_the_document() -> None:
    turned: Tables = {name: ((), tuple(reversed(tuple(says)))) for name, (_, says) in SAYS.items()}

    assert asyncapi(turned) == asyncapi(SAYS)


def test_the_picture_names_every_event_once() -> None:
    text = readme_sections(SAYS)

    rows = [f"| `{event.__name__}` | {event.service()} |" for event in EVENTS.values()]
    assert all(text.count(row) == 1 for row in rows)


@pytest.mark.parametrize("name", EVENTS)
def test_a_golden_payload_holds_against_the_schema_without_our_code(name: str) -> None:
    schema = schema_of(EVENTS[name])
    Draft202012Validator.check_schema(schema)

    Draft202012Validator(schema).validate(example_of(EVENTS[name]))


def test_headers_hold_against_their_schema() -> None:
    event = ReferralReceived.model_validate_json(json.dumps(example_of(ReferralReceived)))
    envelope = Envelope("id-1", event, event.received_at, event.received_at, 1, "ep-1", "cause-1")

    schema = asyncapi(SAYS)["components"]["schemas"]["Headers"]

    Draft202012Validator(schema).validate(envelope.headers())
    assert set(schema["required"]) <= set(envelope.headers())


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        return {v for k, v in node.items() if k == "$ref"} | {r for v in node.values() for r in references(v)}
    if isinstance(node, list):
        return {r for v in node for r in references(v)}
    return set()


def test_every_reference_leads_somewhere() -> None:
    document = asyncapi(SAYS)
    for reference in references(document):
        node: Any = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_the_reference_parser_takes_the_document(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (TOOLS / "node_modules" / "@asyncapi" / "parser").exists():
        pytest.skip("@asyncapi/parser is not installed: run `make tools` (needs Node)")
    file = tmp_path / "asyncapi.json"
    file.write_text(json.dumps(asyncapi(SAYS)))
    script = Path(__file__).with_name("asyncapi_parse.mjs")

    result = subprocess.run(
        [node, str(script), str(TOOLS), str(file)], capture_output=True, text=True, timeout=120
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.split() == ["3.0.0", str(len(EVENTS)), str(len(EVENTS))]
