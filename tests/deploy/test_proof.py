"""A clean life gives a clean proof, and each kind of damage is found under its own name."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import nats
import pytest

from deploy.local.processes import Stack
from deploy.local.proof import Ledger, Proof, collect, prove
from deploy.local.proof.checks import Evidence, judge
from deploy.local.proof.folding import Folding
from deploy.local.proof.ledger import Answered, ask_again
from deploy.local.reconcile import Carried, Stream
from deploy.local.secrets import ADMIN
from deploy.local.simulator.api import Api
from deploy.local.simulator.life import BEGINS_AT, Script, live

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Lived:
    stack: Stack
    ledger: Ledger

    @asynccontextmanager
    async def damaged(self, *statements: str) -> AsyncIterator[Any]:
        """A connection that sees the damage; nobody else does, and nothing of it stays."""
        db = await asyncpg.connect(**self.stack.pg_dsn_kwargs(ADMIN))
        damage = db.transaction()
        await damage.start()
        try:
            for statement in statements:
                assert (await db.execute(statement)).split()[-1] != "0", statement
            yield db
        finally:
            await damage.rollback()
            await db.close()

    async def proof(self, *statements: str, allowed: tuple[str, ...] = ()) -> Proof:
        async with self.damaged(*statements) as db:
            return judge(await collect(self.stack, db), self.ledger, frozenset(allowed))

    async def proof_with_fold(self, *statements: str) -> Proof:
        async with Folding() as folding, self.damaged(*statements) as db:
            evidence = await collect(self.stack, db)
            proof = judge(evidence, None, frozenset())
            await folding.judge(evidence.books, proof)
            return proof

    async def proof_of_stream(self, doctor: Callable[[tuple[Carried, ...]], tuple[Carried, ...]]) -> Proof:
        async with self.damaged() as db:
            found = await collect(self.stack, db)
        stream = replace(found.stream, messages=doctor(found.stream.messages))
        return judge(Evidence(stream, found.books, found.hears), None, frozenset())


@pytest.fixture(scope="module")
async def lived() -> AsyncIterator[Lived]:
    stack = Stack.temporary(clock="manual", env={"HANDRAIL_CLOCK_START": BEGINS_AT.isoformat()})
    ledger = Ledger()
    async with stack:
        await live(stack, Script(sites=1, patients=6, weeks=1, seed=3, warm_up_weeks=3), ledger=ledger)
        yield Lived(stack, ledger)


def broken(proof: Proof) -> dict[str, int]:
    return {kind: count for kind, count in proof.counts().items() if count}


ONE_HEARD = "(SELECT event_id FROM notify.inbox ORDER BY stream_seq LIMIT 1)"
ONE_SAID = "(SELECT event_id FROM intake.outbox ORDER BY id LIMIT 1)"
LONG = "(SELECT aggregate_id FROM intake.outbox GROUP BY 1 HAVING count(*) > 3 ORDER BY 1 LIMIT 1)"


async def test_a_clean_life_gives_a_clean_proof(lived: Lived) -> None:
    proof = await prove(lived.stack, lived.ledger)
    assert proof.clean, proof.details
    assert proof.events > 50
    assert proof.deliveries > 20
    assert proof.commands == proof.asked_again > 20
    assert json.loads(json.dumps(proof.document()))["clean"] is True


async def test_an_event_that_was_never_heard_is_lost(lived: Lived) -> None:
    proof = await lived.proof(f"DELETE FROM notify.inbox WHERE event_id = {ONE_HEARD}")
    assert broken(proof) == {"lost": 1}
    assert "notify never heard" in proof.details[0]


async def test_an_inbox_row_of_nothing_is_found(lived: Lived) -> None:
    proof = await lived.proof("INSERT INTO notify.inbox VALUES ('nothing', 1, 1, now())")
    assert broken(proof) == {"lost": 1}


async def test_a_wrong_place_in_an_inbox_is_found(lived: Lived) -> None:
    for change in ("lane = (lane + 1) % 16", "stream_seq = stream_seq + 1"):
        proof = await lived.proof(f"UPDATE notify.inbox SET {change} WHERE event_id = {ONE_HEARD}")
        assert proof.altered == 1


async def test_an_event_missing_from_the_outbox_is_lost(lived: Lived) -> None:
    proof = await lived.proof(f"DELETE FROM intake.outbox WHERE event_id = {ONE_SAID}")
    assert proof.lost == 2  # the stream has it, and the journal, but not the outbox
    assert proof.commands_lost == 1


async def test_an_event_written_down_twice_is_doubled(lived: Lived) -> None:
    columns = """event_id, type, lane, aggregate_id, sequence, cause, correlation_id, subject, headers, body,
        at, recorded_at, sent_at, stream_seq"""
    proof = await lived.proof(
        f"INSERT INTO intake.outbox ({columns}) "
        f"SELECT {columns} FROM intake.outbox WHERE event_id = {ONE_SAID}"
    )
    assert proof.doubled == 1


async def test_an_event_missing_from_the_stream_is_lost(lived: Lived) -> None:
    proof = await lived.proof_of_stream(lambda messages: messages[:2] + messages[3:])
    assert any("is not in the stream" in line for line in proof.details)


async def test_an_event_that_was_not_marked_is_found(lived: Lived) -> None:
    proof = await lived.proof(f"UPDATE intake.outbox SET sent_at = NULL WHERE event_id = {ONE_SAID}")
    assert broken(proof) == {"altered": 1}


async def test_another_body_place_or_header_is_found(lived: Lived) -> None:
    for change in ("body = body || ' '", "subject = subject || '.x'", 'headers = headers || \'{"a": "b"}\''):
        proof = await lived.proof(f"UPDATE intake.outbox SET {change} WHERE event_id = {ONE_SAID}")
        assert broken(proof) == {"altered": 1}, change


async def test_a_fact_and_its_event_that_differ_are_found(lived: Lived) -> None:
    proof = await lived.proof(
        'UPDATE intake.journal SET data = data || \'{"network_id": "other"}\' '
        f"WHERE aggregate_id = {LONG} AND version = 2"
    )
    assert proof.altered == 1


async def test_swapped_sequences_are_out_of_order(lived: Lived) -> None:
    proof = await lived.proof(
        f"UPDATE intake.outbox SET sequence = 5 - sequence WHERE aggregate_id = {LONG} AND sequence IN (2, 3)"
    )
    assert proof.out_of_order > 0


async def test_a_swap_in_the_stream_is_out_of_order(lived: Lived) -> None:
    def swap(messages: tuple[Carried, ...]) -> tuple[Carried, ...]:
        about = [m for m in messages if m.headers["ce-source"] == messages[-1].headers["ce-source"]]
        places = {about[0].seq: about[1].seq, about[1].seq: about[0].seq}
        return tuple(replace(m, seq=places.get(m.seq, m.seq)) for m in messages)

    assert (await lived.proof_of_stream(swap)).out_of_order == 1


async def test_events_applied_in_another_order_than_told_are_found(lived: Lived) -> None:
    """The facts of two events change their places in the journal of the one who heard them."""
    async with lived.damaged() as db:
        id, first, second = await db.fetchrow(
            """SELECT aggregate_id, min(version), max(version) FROM notify.journal
            JOIN notify.inbox ON event_id = cause GROUP BY 1 HAVING count(DISTINCT cause) > 1 LIMIT 1"""
        )
    swap = "UPDATE notify.journal SET version = {} WHERE aggregate_id = '{}' AND version = {}"
    moves = ((-1, first), (first, second), (second, -1))
    proof = await lived.proof(*(swap.format(to, id, version) for to, version in moves))
    assert proof.out_of_order > 0


async def test_a_gap_in_a_journal_is_lost(lived: Lived) -> None:
    proof = await lived.proof("DELETE FROM progress.journal WHERE version = 2")
    assert proof.lost > 0


async def test_a_row_ahead_of_its_journal_is_wrong(lived: Lived) -> None:
    proof = await lived.proof("UPDATE progress.episodes SET version = version + 1")
    assert proof.states_wrong > 0


async def test_an_event_applied_in_two_transactions_is_doubled(lived: Lived) -> None:
    proof = await lived.proof(
        """UPDATE progress.journal SET at = at WHERE (aggregate_id, version) =
        (SELECT aggregate_id, max(version) FROM progress.journal JOIN progress.inbox ON event_id = cause
         GROUP BY aggregate_id, cause HAVING count(*) > 1 LIMIT 1)"""
    )
    assert broken(proof) == {"doubled": 1}


async def test_an_event_applied_twice_in_one_transaction_is_doubled(lived: Lived) -> None:
    proof = await lived.proof(
        """INSERT INTO progress.journal
        SELECT aggregate, aggregate_id, 9999, type, data, cause, at, recorded_at FROM progress.journal
        WHERE cause = (SELECT min(event_id) FROM progress.inbox JOIN progress.journal ON event_id = cause)
        LIMIT 1""",
        """UPDATE progress.journal SET at = at
        WHERE cause = (SELECT cause FROM progress.journal WHERE version = 9999)""",
    )
    assert proof.doubled == 1


async def test_what_belongs_into_one_transaction_is_torn_otherwise(lived: Lived) -> None:
    inbox = """UPDATE progress.inbox SET lane = lane
        WHERE event_id = (SELECT min(event_id) FROM progress.inbox JOIN progress.journal ON event_id = cause)
          AND stream_seq NOT IN (SELECT seq FROM progress.positions)"""
    answer = f"UPDATE intake.idempotency SET status = status WHERE answer::text LIKE '%' || {ONE_SAID} || '%'"
    assert broken(await lived.proof(inbox)) == {"torn": 1}
    assert broken(await lived.proof(answer)) == {"torn": 1}


async def test_a_lane_that_was_not_read_to_its_end_is_lost(lived: Lived) -> None:
    least = "WHERE lane = (SELECT min(lane) FROM notify.positions)"
    for change in ("seq = seq - 1", "stream = 'another'", "seq = 1000000"):
        assert broken(await lived.proof(f"UPDATE notify.positions SET {change} {least}")) == {"lost": 1}


async def test_what_is_parked_must_be_allowed_for(lived: Lived) -> None:
    park = """INSERT INTO notify.parked
        (aggregate_id, kind, name, message_id, lane, content, reason, detail, parked_at)
        VALUES ('p', 'event', 'n', 'm', 1, '{}', 'rule_failed', '', now())"""
    assert broken(await lived.proof(park)) == {"parked_unexplained": 1}
    assert (await lived.proof(park, allowed=("p",))).clean


async def test_an_altered_state_is_wrong(lived: Lived) -> None:
    proof = await lived.proof_with_fold(
        """UPDATE intake.referrals SET state = state || '{"stage": "DECLINED"}'
        WHERE id = (SELECT min(id) FROM intake.referrals WHERE stage <> 'DECLINED')"""
    )
    assert broken(proof) == {"states_wrong": 1}
    assert proof.details[0].endswith("the journal gives another stage")


async def test_a_state_without_facts_and_facts_without_a_state_are_wrong(lived: Lived) -> None:
    proof = await lived.proof_with_fold(
        """UPDATE notify.people SET id = 'somebody' WHERE id = (SELECT min(id) FROM notify.people)"""
    )
    assert broken(proof) == {"states_wrong": 2}


async def test_an_answered_command_without_its_key_is_lost(lived: Lived) -> None:
    some = lived.ledger.answered[-1]
    proof = await lived.proof(f"DELETE FROM {some.service}.idempotency WHERE key = '{some.key}'")
    assert broken(proof) == {"commands_lost": 1}


async def test_an_answered_command_whose_facts_are_gone_is_lost(lived: Lived) -> None:
    some = next(c for c in lived.ledger.answered if c.service == "progress")
    proof = await lived.proof(f"DELETE FROM progress.journal WHERE aggregate_id = '{some.body['id']}'")
    assert proof.commands_lost > 0


CHANGE = """UPDATE {}.idempotency SET answer = answer || '{{"version": 0}}' WHERE key = '{}'"""


async def test_an_answer_that_was_rewritten_is_found(lived: Lived) -> None:
    some = lived.ledger.answered[0]
    proof = await lived.proof(CHANGE.format(some.service, some.key))
    assert proof.answers_changed == 1


async def test_another_answer_to_a_repeat_is_found(lived: Lived) -> None:
    some = lived.ledger.answered[0]
    async with lived.damaged() as db:
        books = (await collect(lived.stack, db)).books
    db = await asyncpg.connect(**lived.stack.pg_dsn_kwargs(ADMIN))
    proof = Proof()
    try:
        await db.execute(CHANGE.format(some.service, some.key))
        await ask_again(lived.stack, lived.ledger, books, proof)
    finally:
        await db.execute(
            f"UPDATE {some.service}.idempotency SET answer = $1 WHERE key = $2",
            books[some.service].answers[some.key]["answer"],
            some.key,
        )
        await db.close()
    assert broken(proof) == {"answers_changed": 1}


async def test_of_many_commands_a_sample_is_sent_again(lived: Lived, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.local.proof.ledger.SAMPLE", 3)
    proof = Proof()
    async with lived.damaged() as db:
        await ask_again(lived.stack, lived.ledger, (await collect(lived.stack, db)).books, proof)
    assert (proof.asked_again, proof.clean) == (3, True)


async def test_a_refusal_is_kept_as_a_number_only(lived: Lived) -> None:
    ledger, stack = Ledger(), lived.stack
    urls = {name: stack.url(name) for name in stack.services}
    async with Api(urls, {"scheduler": stack.token("scheduler")}, 1, ledger=ledger) as api:
        reply = await api.do("scheduling", "/v1/sites", {}, "scheduler", step="refused", expected=True)
    assert reply.status == 422
    assert (ledger.answered, ledger.refused) == ([], 1)


@asynccontextmanager
async def published(stack: Stack, like: Carried, headers: dict[str, str]) -> AsyncIterator[None]:
    """One more message in the stream, for a while."""
    client = await nats.connect(**stack.nats_kwargs("operator"))
    try:
        ack = await client.jetstream().publish(like.subject, b"{}", headers=headers)
        yield
        await client.jetstream().delete_msg("EVENTS", ack.seq)
    finally:
        await client.close()


async def first_unheard(lived: Lived) -> tuple[Stream, Carried]:
    async with lived.damaged() as db:
        found = await collect(lived.stack, db)
    heard = frozenset().union(*found.hears.values())
    return found.stream, next(m for m in found.stream.messages if m.headers["ce-type"] not in heard)


async def test_a_message_twice_in_the_stream_is_doubled(lived: Lived) -> None:
    _, message = await first_unheard(lived)
    headers = {name: value for name, value in message.headers.items() if name.startswith("ce-")}
    async with published(lived.stack, message, headers):
        assert (await lived.proof()).doubled == 1


async def test_a_message_that_no_outbox_knows_is_found(lived: Lived) -> None:
    _, message = await first_unheard(lived)
    headers = {n: v for n, v in message.headers.items() if n.startswith("ce-")} | {"ce-id": "stranger"}
    async with published(lived.stack, message, headers):
        proof = await lived.proof()
    assert any("no outbox knows" in line and "stranger" in line for line in proof.details)


def test_details_hold_the_first_of_each_kind() -> None:
    proof = Proof()
    for number in range(9):
        proof.note("lost", f"event {number}")
    proof.note("doubled", "event 1")
    assert (proof.lost, len(proof.details), proof.clean) == (9, 6, False)


def test_a_ledger_does_not_show_tokens() -> None:
    command = Answered("s", "POST", "/", "r", "k", {"Authorization": "Bearer secret"}, {}, 201, {})
    assert "secret" not in repr(Ledger([command]))
