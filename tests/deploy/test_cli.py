"""The command line as its users meet it: one document, one sentence, an exit code."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from deploy.local import clock, refer, tokens
from deploy.local.ports import choose, is_free
from deploy.local.processes import Stack
from deploy.local.secrets import load_or_make, load_or_make_key
from deploy.local.trouble import Trouble

ROOT = Path(__file__).parents[2]


def handrail(*arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "deploy.local.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | environment,
        timeout=120,
    )


def one_document(answer: "subprocess.CompletedProcess[str]") -> Any:
    assert "Traceback" not in answer.stderr
    return json.loads(answer.stdout)


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'pydantic', 'asyncpg', 'nats', 'fastapi', 'httpx', 'rich', 'contracts'}"
    answer = subprocess.run(
        [
            sys.executable,
            "-c",
            f"""
import sys; from deploy.local.cli import run; run(['--help'])
print(sorted({heavy} & sys.modules.keys()), file=sys.stderr)""",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert answer.stderr.strip() == "[]"
    for command in ("up", "down", "status", "doctor", "token", "refer", "clock", "contracts"):
        assert f"  {command} " in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nothing-like-it"], 2),
        (["clock"], 2),
        (["clock", "advance"], 2),
        (["clock", "advance", "--by", "three days"], 2),
        (["clock", "advance", "--to", "2026-01-12"], 2),
        (["up", "--clock", "sundial"], 2),
        (["token", "--role", "wizard"], 2),
        (["token", "--role", "operator"], 1),
        (["refer", "file.json"], 1),
        (["clock", "show"], 1),
    ],
)
def test_what_cannot_be_done_is_one_sentence_a_hint_and_one_document(
    tmp_path: Path, arguments: list[str], code: int
) -> None:
    answer = handrail(*arguments, "--json", HANDRAIL_DATA=str(tmp_path / "none"))
    assert answer.returncode == code
    error = one_document(answer)["error"]
    assert error["message"].endswith(".")
    assert error["message"] in answer.stderr
    assert error["hint"]


def test_without_a_network_status_says_so_and_down_has_nothing_to_do(tmp_path: Path) -> None:
    status = handrail("status", "--data", tmp_path, "--json")
    assert status.returncode == 1
    assert one_document(status)["up"] is False
    down = handrail("down", "--data", tmp_path, "--json")
    assert down.returncode == 0
    assert one_document(down)["stopped"] is False
    doctor = handrail("doctor", "--data", tmp_path, "--json")
    assert doctor.returncode == 1
    failed = [check for check in one_document(doctor)["checks"] if not check["ok"]]
    assert [check["hint"] for check in failed] == [f"handrail up --data {tmp_path}"]


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = handrail("up", "--data", tmp_path / "file", "--json")
    assert answer.returncode == 1
    assert one_document(answer)["error"]["code"] == "data_folder"


def test_a_token_says_who_where_and_until_when(tmp_path: Path) -> None:
    key_file = load_or_make_key(tmp_path)
    token = tokens.mint(key_file, role="clinician", network="north", sites=["a", "b"], lifetime=60)
    key = OctKey.import_key(json.loads(key_file.read_text()))
    claims = jwt.decode(token, key, algorithms=["HS256"]).claims
    assert claims["exp"] - claims["iat"] == 60
    assert (claims["iss"], claims["aud"]) == ("handrail-local", "handrail")
    assert (claims["role"], claims["network"], claims["sites"]) == ("clinician", "north", ["a", "b"])


def test_secrets_are_made_once_and_their_loss_is_noticed(tmp_path: Path) -> None:
    made = load_or_make(tmp_path)
    assert load_or_make(tmp_path) == made
    passwords = [*made["postgres"].values(), *made["nats"].values()]
    assert len(set(passwords)) == len(passwords)
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "secrets.json").unlink()
    with pytest.raises(Trouble, match="missing"):
        load_or_make(tmp_path)


def test_ports_are_kept_while_free_and_never_shared() -> None:
    first = choose(["a", "b", "c"], {})
    assert len({*first.values()}) == 3
    assert all(is_free(port) for port in first.values())
    assert choose(["a", "b", "c"], first) == first
    assert len({*choose(["a", "b"], {"a": first["a"], "b": first["a"]}).values()}) == 2


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"[]", "not_a_bundle"),
        (b'"bundle"', "not_a_bundle"),
        (b" " * (1024 * 1024 + 1), "too_large"),
    ],
)
def test_what_cannot_be_a_bundle_is_refused_before_it_is_sent(
    tmp_path: Path, content: bytes, code: str
) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(content)
    with pytest.raises(refer.Unusable) as refused:
        refer.read_bundle(file)
    assert refused.value.code == code


def test_a_missing_file_and_a_folder_are_unreadable(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(refer.Unusable) as refused:
            refer.read_bundle(path)
        assert refused.value.code == "unreadable"


def test_stretches_of_time() -> None:
    assert [clock.read_amount(text).total_seconds() / 60 for text in ("90min", "2h", "3d", "1 w")] == [
        90,
        120,
        3 * 1440,
        7 * 1440,
    ]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("network") / "data"
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.local.cli", "up", "--clock=manual", "--json", "--data", str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        document = json.loads(process.stdout.readline())
        assert document["data"] == str(folder)
        yield folder
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == ""
    assert process.wait(60) == 0
    stack = Stack(folder)
    stack.load()
    stack.destroy()


def processes(data: Path) -> dict[str, int]:
    run = json.loads((data / "run.json").read_text())
    return {name: process["pid"] for name, process in run["processes"].items()}


@pytest.mark.slow
def test_a_running_network_is_ready_and_nothing_is_wrong(data: Path) -> None:
    status = handrail("status", "--data", data, "--json")
    assert status.returncode == 0
    document = one_document(status)
    assert [(s["ready"], s["unsent"], s["parked"]) for s in document["services"]] == [(True, 0, 0)] * 4
    assert handrail("doctor", "--data", data, "--json").returncode == 0
    again = handrail("up", "--data", data, "--json")
    assert again.returncode == 1
    assert one_document(again)["error"]["code"] == "already_running"


@pytest.mark.slow
def test_referring_opens_a_site_and_answers_for_every_file(data: Path, tmp_path: Path) -> None:
    patient = {
        "resourceType": "Patient",
        "id": "p1",
        "name": [{"family": "Holm", "given": ["Kira"]}],
        "birthDate": "1990-02-03",
        "gender": "female",
        "identifier": [{"system": "urn:example:mrn", "value": "MRN-48151"}],
    }
    good = tmp_path / "good.json"
    condition = {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "verificationStatus": {"coding": [{"code": "confirmed"}]},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "55680006"}]},
        "subject": {"reference": "urn:uuid:p1"},
    }
    entry = [{"fullUrl": "urn:uuid:p1", "resource": patient}, {"resource": condition}]
    good.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entry}))
    bad = tmp_path / "bad.json"
    bad.write_text("no")
    first = handrail("refer", good, bad, "--data", data, "--json")
    answers = one_document(first)
    assert [answer["outcome"] for answer in answers] == ["accepted", "refused"], answers
    assert set(answers[0]) == {"file", "outcome", "code", "reason", "referral_id"}
    assert first.returncode == 1
    again = handrail("refer", good, "--data", data, "--json")
    assert again.returncode == 0
    assert one_document(again)[0]["referral_id"] == answers[0]["referral_id"]
    # The same person from somebody else: accepted too, and kept beside the first.
    twin = tmp_path / "twin.json"
    twin.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entry[::-1]}))
    linked = one_document(handrail("refer", twin, "--data", data, "--json"))[0]
    assert (linked["outcome"], linked["code"]) == ("accepted", "linked")
    assert linked["referral_id"] == answers[0]["referral_id"]


@pytest.mark.slow
def test_the_manual_clock_goes_forward_only(data: Path) -> None:
    before = one_document(handrail("clock", "show", "--data", data, "--json"))["now"]
    moved = one_document(handrail("clock", "advance", "--by", "2h", "--data", data, "--json"))
    assert moved["from"] == before
    assert clock.read_instant(moved["now"]) - clock.read_instant(before) == clock.read_amount("2h")
    back = handrail("clock", "advance", "--to", before, "--data", data, "--json")
    assert back.returncode == 1
    assert one_document(back)["error"]["code"] == "past"


@pytest.mark.slow
def test_what_crashes_is_started_again(data: Path) -> None:
    before = processes(data)
    for name in ("notify", "nats"):
        os.kill(before[name], signal.SIGKILL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(0.5)
        if (
            processes(data)["notify"] != before["notify"]
            and handrail("status", "--data", data).returncode == 0
        ):
            break
    after = processes(data)
    assert after["notify"] != before["notify"]
    assert after["nats"] != before["nats"]
    assert after["postgres"] == before["postgres"]
    assert handrail("status", "--data", data).returncode == 0


@pytest.mark.slow
def test_nothing_outlives_a_killed_parent(tmp_path: Path) -> None:
    script = (
        "import sys, time; from deploy.local.processes import Stack\n"
        "Stack(sys.argv[1], services=()).start(); print('up', flush=True); time.sleep(60)"
    )
    folder = tmp_path / "data"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "up\n"
    pids = processes(folder).values()
    assert all(Path(f"/proc/{pid}").exists() for pid in pids)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    with Stack(folder, services=()) as again:
        assert again.alive("postgres")
    again.destroy()
