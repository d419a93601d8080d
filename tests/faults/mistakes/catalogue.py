"""The mistakes, and the net that must catch each."""

from dataclasses import dataclass

from tests.faults.mistakes.plant import Change

NETS = "test_nets.py"
TAIL = "test_tail.py"
PATHS = "test_paths.py"
SESSION = f"{NETS}::test_a_reader_whose_session_ends_takes_each_event_once"
COMMAND = f"{NETS}::test_a_command_whose_session_ends_takes_effect_once"


@dataclass(frozen=True, slots=True)
class Mistake:
    """Changes that together take a mechanism out, and which nets must notice."""

    name: str
    changes: tuple[Change, ...]
    test: str
    """The test of the chassis that must fail."""
    seeds: str = ""
    """Histories among which one must end badly."""
    along: str = ""
    """What was taken out too, because it does the same later or at more cost."""
    model: str = ""
    """The same mistake in the model of the protocol."""


NO_FENCE = Change(
    "relay.py",
    'headers["Nats-Expected-Last-Subject-Sequence"] = str(heads[lane].seq)\n'
    '                    headers["Nats-Expected-Last-Subject-Sequence-Subject"] = said_filter(service, lane)',
    "said_filter(service, lane)",
)
NO_LANE_LOCK = Change(
    "relay.py", "WHERE pg_try_advisory_lock(hashtext($1), lane) ORDER", "WHERE $1 <> '' ORDER"
)
NO_INBOX = Change("lanes.py", 'return {r["event_id"] for r in rows}', "return {m.id for m in batch}")
NO_ROW_LOCK = Change("unit.py", '"WHERE id = ANY($1) ORDER BY id FOR UPDATE"', '"WHERE id = ANY($1)"')
NO_VERSION_CHECK = Change("unit.py", "WHERE t.version = (", "WHERE t.version <> -1 OR t.version = (")
NO_ORDINALS = Change("ordinals.py", "if ordinal > last + 1:", "if ordinal > last + 1_000_000:")
NO_TEAR = Change(
    "lanes.py",
    "if self._consumer and (self._torn or self.runtime.bus.reconnects != self._reconnects):",
    "if False:",
)
TORN_GOES_ON = Change("lanes.py", "if self._torn or number <= self._delivered:", "if False:")
NO_SILENCE = Change("lanes.py", "> SILENCE_SECONDS:", "> 1_000 * SILENCE_SECONDS:")

MISTAKES = (
    Mistake(
        "no aggregate row lock",
        (NO_ROW_LOCK, NO_VERSION_CHECK),
        f"{NETS}::test_the_outbox_has_each_story_in_its_order_however_many_write_it",
        along="the version check",
        model="no row lock",
    ),
    Mistake(
        "the outbox id is drawn before the aggregate is locked",
        (
            Change(
                "unit.py",
                "    cause: Cause | None = None\n",
                "    cause: Cause | None = None\n    drawn: int = 0\n",
            ),
            Change(
                "unit.py",
                "            found = await self.db.fetch(\n",
                "            self.drawn = self.drawn or await self.db.fetchval(\n"
                "                \"SELECT nextval(pg_get_serial_sequence('outbox', 'id')) * 100\")\n"
                "            found = await self.db.fetch(\n",
            ),
            Change(
                "unit.py",
                "(said.row for said in self.outbox), strict=True)))",
                "(said.row for said in self.outbox), strict=True)), self.drawn)",
            ),
            Change("unit.py", "outbox\n    (event_id, type,", "outbox\n    (id, event_id, type,"),
            Change(
                "unit.py",
                "SELECT e, t, l, a, s, c, k, j, h::jsonb",
                "OVERRIDING SYSTEM VALUE SELECT $13::bigint + n, e, t, l, a, s, c, k, j, h::jsonb",
            ),
        ),
        f"{NETS}::test_the_outbox_has_each_story_in_its_order_however_many_write_it",
    ),
    Mistake(
        "a command without a transaction around it",
        (Change("commands.py", "runtime.transaction() as db:", "runtime.pool.acquire() as db:"),),
        f"{COMMAND}[half way]",
        seeds="0-39",
    ),
    Mistake(
        "the answer to a command is written outside its transaction",
        (
            Change(
                "commands.py",
                'await db.execute(\n        "INSERT INTO idempotency',
                'await runtime.pool.execute(\n        "INSERT INTO idempotency',
            ),
        ),
        f"{COMMAND}[the commit does not arrive]",
    ),
    Mistake(
        "the answer to a command is not written",
        (
            Change(
                "commands.py",
                "INSERT INTO idempotency VALUES ($1, $2, $3, $4, $5, $6)",
                "SELECT $1::text, $2::text, $3::text, $4::int, $5::text, $6::timestamptz",
            ),
        ),
        f"{COMMAND}[the answer to the commit is lost]",
        seeds="0-19",
        model="a repeated command is a new one",
    ),
    Mistake(
        "undo forgets what a failed message said",
        (Change("unit.py", "        del self.outbox[outbox:]\n", ""),),
        f"{NETS}::test_nothing_is_said_of_a_message_whose_rule_failed_half_way",
    ),
    Mistake(
        "event ids are random again",
        (
            Change(
                "unit.py",
                "id=clock.derived_id(",
                "id=clock.new_id() if True else clock.derived_id(",
            ),
        ),
        f"{TAIL}::test_a_service_whose_reactions_were_forgotten_says_them_again_with_the_same_ids",
    ),
    Mistake(
        "two relays carry one lane",
        (NO_LANE_LOCK, NO_FENCE),
        f"{NETS}::test_two_relays_say_each_event_once_however_slow_one_of_them_is",
        along="the fence; the window of ids is over",
        model="two relays at once and no fence",
    ),
    Mistake(
        "no fence",
        (NO_FENCE,),
        f"{NETS}::test_words_that_arrive_after_their_relay_lost_its_lanes_are_refused",
        along="the window of ids is over",
        model="no fence, and the window expires",
    ),
    Mistake(
        "sent is marked before the acknowledgement",
        (
            Change(
                "relay.py",
                "            meanwhile = asyncio.create_task(",
                '            marked = "UPDATE outbox SET sent_at = now() WHERE id = ANY($1)"\n'
                '            await connection.execute(marked, [r["id"] for r in rows])\n'
                "            meanwhile = asyncio.create_task(",
            ),
        ),
        f"{NETS}::test_what_never_reached_the_bus_is_sent_again",
        seeds="0-39",
        model="marking before the acknowledgement",
    ),
    Mistake(
        "a batch leaves its first event for later",
        (Change("relay.py", "self._publish(rows, heads)\n", "self._publish(rows[1:] or rows, heads)\n"),),
        "test_poison.py::test_many_batches_keep_the_order_of_every_aggregate",
        model="a batch that leaves an event out",
    ),
    Mistake(
        "the relay carries the newest first",
        (Change("relay.py", "id <> ALL($2) ORDER BY id LIMIT", "id <> ALL($2) ORDER BY id DESC LIMIT"),),
        "test_poison.py::test_many_batches_keep_the_order_of_every_aggregate",
        model="carrying in another order",
    ),
    Mistake(
        "settle marks everything, not what the stream shows",
        (
            Change(
                "tail.py",
                "WHERE o.event_id = u.id RETURNING",
                "WHERE o.event_id = u.id OR o.sent_at IS NULL RETURNING",
            ),
        ),
        f"{TAIL}::test_what_was_acknowledged_and_not_marked_is_not_said_again",
    ),
    Mistake(
        "heads move and nothing is marked",
        (
            Change(
                "tail.py", "SET sent_at = coalesce(o.sent_at, $3),", "SET sent_at = nullif(o.sent_at, $3),"
            ),
        ),
        f"{TAIL}::test_what_was_acknowledged_and_not_marked_is_not_said_again[True]",
    ),
    Mistake(
        "a refused batch is tried again for ever",
        (
            Change(
                "relay.py",
                "await tail.settle(connection, self.runtime.bus, self.runtime.service.name, self._stream)",
                "await tail.heads_of(connection, range(LANES), self._stream)",
            ),
        ),
        f"{TAIL}::test_what_was_acknowledged_and_not_marked_is_not_said_again",
        model="trying a refused batch again for ever",
    ),
    Mistake(
        "a relay takes over from the old stream while the new one is filled",
        (Change("relay.py", "SELECT pg_advisory_lock_shared(hashtext($1), $2)", "SELECT $1::text, $2::int"),),
        f"{TAIL}::test_nothing_is_taken_over_from_the_stream_during_a_rebuild",
        model="settling across a rebuild",
    ),
    Mistake(
        "events that the database does not know are passed over",
        (Change("tail.py", "    if stopped:\n        raise", "    if False:\n        raise"),),
        f"{TAIL}::test_a_service_that_forgot_a_command_says_so_and_says_nothing_new",
    ),
    Mistake(
        "a foreign stream is taken for the own one",
        (Change("tail.py", 'if any(r["stream"] not in ("", stream) for r in rows):', "if False:"),),
        f"{PATHS}::test_a_foreign_stream_is_refused_until_it_is_adopted_and_filled_again",
    ),
    Mistake(
        "no inbox",
        (NO_INBOX,),
        f"{NETS}::test_events_that_come_again_because_the_positions_were_reset_are_taken_once",
        along="the positions, as after a rebuild",
        model="no inbox",
    ),
    Mistake(
        "the position moves before the transaction",
        (
            Change(
                "lanes.py",
                "done = await connection.execute(\n                    _MOVE,",
                "done = await self.runtime.pool.execute(\n                    _MOVE,",
            ),
        ),
        f"{SESSION}[before the commit]",
        model="position outside the transaction",
    ),
    Mistake(
        "the position moves after the transaction",
        (
            Change(
                "lanes.py",
                "done = await connection.execute(\n                    _MOVE,",
                'done, later = f"INSERT 0 {len(moved)}", (\n                    _MOVE,',
            ),
            Change(
                "lanes.py",
                "        self.positions |= moved\n",
                "        await connection.execute(*later)\n        self.positions |= moved\n",
            ),
            NO_INBOX,
        ),
        f"{SESSION}[at the positions]",
        along="the inbox",
    ),
    Mistake(
        "a reader works on after it lost its lanes",
        (
            Change(
                "lanes.py",
                "                await self._take(connection)\n",
                "                async with self.runtime.pool.acquire() as other:\n"
                "                    await self._take(other)\n",
            ),
            Change("lanes.py", " AND positions.seq < EXCLUDED.seq", ""),
        ),
        f"{NETS}::test_a_reader_that_has_lost_its_lanes_moves_nothing",
        along="the rule that positions only go forward",
        model="working on after losing the lease",
    ),
    Mistake(
        "ordinals are not looked at",
        (NO_ORDINALS,),
        f"{NETS}::test_nothing_behind_a_message_that_is_missing_is_read",
    ),
    Mistake(
        "a gap in the deliveries is not noticed",
        (NO_TEAR, TORN_GOES_ON, NO_ORDINALS),
        f"{NETS}::test_a_delivery_that_got_lost_is_asked_for_again",
        along="the ordinals",
    ),
    Mistake(
        "a lost last delivery is not noticed",
        (NO_TEAR, TORN_GOES_ON, NO_SILENCE),
        f"{NETS}::test_a_delivery_that_got_lost_is_asked_for_again[nothing follows it]",
        along="the watch for silence",
    ),
    Mistake(
        "later events of a parked aggregate run on",
        (Change("work.py", "if m.trouble or m.key in parked:", "if m.trouble:"),),
        f"{PATHS}::test_a_rule_that_fails_parks_one_aggregate_and_nobody_else",
        model="later events run past a parked one",
    ),
    Mistake(
        "a retry begins with the newest",
        (
            Change(
                "work.py", 'AND dropped_at IS NULL ORDER BY id",', 'AND dropped_at IS NULL ORDER BY id DESC",'
            ),
        ),
        f"{PATHS}::test_a_parked_aggregate_goes_on_in_order_once_the_rule_is_mended",
        model="retrying the newest first",
    ),
    Mistake(
        "a retry goes on past a failure",
        (Change("work.py", "*failure)\n            break", "*failure)\n            continue"),),
        f"{NETS}::test_a_retry_that_fails_again_leaves_what_follows_where_it_is",
        model="retrying past a failure",
    ),
    Mistake(
        "what Postgres refuses for now is parked",
        (
            Change(
                "lanes.py",
                "self._apply(connection, batch)\n        except (*work.RETRY, Lost):",
                "self._apply(connection, batch)\n        except Lost:",
            ),
            Change(
                "lanes.py",
                "self._apply(connection, [m])\n        except (*work.RETRY, Lost):",
                "self._apply(connection, [m])\n        except Lost:",
            ),
        ),
        f"{NETS}::test_a_message_that_postgres_refuses_for_now_is_tried_again_and_not_parked",
    ),
    Mistake(
        "wakes ring and are not deleted",
        (
            Change("lanes.py", "DELETE FROM wakes w USING unnest(", "SELECT w.* FROM wakes w, unnest("),
            Change("lanes.py", "AND w.at <= $4 RETURNING w.*", "AND w.at <= $4"),
        ),
        f"{NETS}::test_a_wake_whose_session_ends_rings_once",
    ),
    Mistake(
        "wakes are deleted outside the transaction that rings them",
        (Change("lanes.py", "await connection.fetch(_TAKE,", "await self.runtime.pool.fetch(_TAKE,"),),
        f"{NETS}::test_a_wake_whose_session_ends_rings_once",
    ),
)
