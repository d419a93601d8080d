"""From the outbox to the stream: one fenced atomic batch at a time under the lane's lock."""

from tests.faults.model.world import IDLE, Batch, Bounds, Event, Relay, Row, Steps, World, named, put

NOBODY = Relay()


def steps(world: World, bounds: Bounds, flaws: frozenset[str]) -> Steps:
    """What relays and the stream can do next."""
    free = world.relays.index(NOBODY) if NOBODY in world.relays else -1
    for i, relay in enumerate(world.relays):
        if relay.phase == IDLE:
            if i == free:  # who is idle is like any other who is idle: one of them is enough
                yield from _begin(world, bounds, flaws, i)
                yield from _come_up(world, flaws, i)
        elif relay.phase in {"settling", "reading"}:
            yield _finish(world, i, relay)
        elif relay.following is None:
            yield _meanwhile(world, bounds, flaws, i, relay)
        elif relay.phase == "refused":
            yield _settle(world, flaws, i, relay)
        if relay.phase == "waiting":
            yield _arrive(world, flaws, i, relay)
    yield from _late(world, flaws)


def faults(world: World, flaws: frozenset[str]) -> Steps:
    """What can go wrong with a relay."""
    budget = world.budget
    for i, relay in enumerate(world.relays):
        if relay.phase == IDLE:
            continue
        who = f"relay {i + 1}"
        if budget.crash:
            spent = world._replace(budget=budget._replace(crash=budget.crash - 1))
            yield f"! {who} crashes", _leave(spent, flaws, i, relay)
        if budget.answer and relay.phase == "waiting":
            spent = _leave(world, flaws, i, relay)
            spent = spent._replace(budget=budget._replace(answer=budget.answer - 1))
            label = f"! {who} waits no longer for its acknowledgement"
            if "stop at a gap" in flaws and relay.following:
                spent = _goes_on(spent, flaws, i, relay, (), relay.head)
                label += _next(relay, relay.head)
            yield label, spent
        if budget.session and relay.session:
            spent = world._replace(budget=budget._replace(session=budget.session - 1))
            yield (
                f"! {who} loses its session and does not know",
                _with(spent, i, relay._replace(session=False)),
            )


def _begin(world: World, bounds: Bounds, flaws: frozenset[str], i: int) -> Steps:
    if "lane lock" not in flaws and any(r.session and r.phase != "reading" for r in world.relays):
        return
    batch = _unsent(world, bounds, flaws)
    if batch:
        head = len(world.stream) if "fence from the table" in flaws else world.head
        label = f"relay {i + 1} locks the lane, fetches and publishes {named(batch)} behind {head}"
        yield label, _publish(world, flaws, i, Relay("waiting", session=True, batch=batch, head=head))


def _unsent(
    world: World, bounds: Bounds, flaws: frozenset[str], besides: tuple[Event, ...] = ()
) -> tuple[Event, ...]:
    rows = [row.event for row in world.outbox if not row.sent and row.event not in besides]
    if "fetch by id" in flaws:
        rows.reverse()
    return tuple(rows[: bounds.batch])


def _publish(world: World, flaws: frozenset[str], i: int, relay: Relay) -> World:
    if "mark after ack" in flaws:
        world = _mark(world, relay.batch, world.head)
    return _with(world, i, relay)


def _carried(batch: tuple[Event, ...], flaws: frozenset[str]) -> tuple[Event, ...]:
    """What of a batch is really published."""
    return batch[:-1] if "whole batch" in flaws and len(batch) > 1 else batch


def _meanwhile(
    world: World, bounds: Bounds, flaws: frozenset[str], i: int, relay: Relay
) -> tuple[str, World]:
    """While a batch is under way the one before is marked and the next is fetched."""
    who = f"relay {i + 1}"
    if not relay.session:
        return f"{who} finds its session gone", _leave(world, flaws, i, relay)
    world = _mark(world, relay.stored, relay.head)
    following = _unsent(world, bounds, flaws, relay.batch)
    label = f"{who} meanwhile marks {named(relay.stored)} and fetches {named(following)}"
    relay = relay._replace(stored=(), following=following)
    if relay.phase == "acked":
        label += _next(relay, relay.acked)
        return label, _goes_on(world, flaws, i, relay, relay.batch, relay.acked)
    return label, _with(world, i, relay)


def _goes_on(
    world: World, flaws: frozenset[str], i: int, relay: Relay, stored: tuple[Event, ...], head: int
) -> World:
    """Publish what was fetched meanwhile; with nothing fetched only the last mark is left."""
    following = relay.following or ()
    phase = "waiting" if following else "settling"
    return _publish(world, flaws, i, Relay(phase, relay.session, following, head, stored))


def _next(relay: Relay, head: int) -> str:
    return f"; relay publishes {named(relay.following)} behind {head}" if relay.following else ""


def _finish(world: World, i: int, relay: Relay) -> tuple[str, World]:
    if not relay.session:
        return f"relay {i + 1} finds its session gone", _with(world, i, NOBODY)
    world = _mark(world, relay.stored, relay.head)
    return f"relay {i + 1} marks {named(relay.stored)} and lets go", _with(world, i, NOBODY)


def _settle(world: World, flaws: frozenset[str], i: int, relay: Relay) -> tuple[str, World]:
    """A refusal says that the stream holds what the table does not know: read it, mark what is found."""
    if "settle" in flaws:
        return f"relay {i + 1} was refused and starts over", _with(world, i, NOBODY)
    found = relay.batch if "read the tail" in flaws else world.stream[relay.head :]
    return (
        f"relay {i + 1} was refused and takes {named(found)} as stored",
        _with(world, i, Relay("reading", relay.session, (), len(world.stream), found)),
    )


def _come_up(world: World, flaws: frozenset[str], i: int) -> Steps:
    """Who comes up reads what the stream holds beyond the table, whoever has the lane."""
    found = world.stream[world.head :]
    if found and "settle" not in flaws and not any(r.phase == "reading" for r in world.relays):
        reading = Relay("reading", session=True, head=len(world.stream), stored=found)
        yield f"relay {i + 1} comes up and takes {named(found)} as stored", _with(world, i, reading)


def _arrive(world: World, flaws: frozenset[str], i: int, relay: Relay) -> tuple[str, World]:
    after = _store(world, flaws, _carried(relay.batch, flaws), relay.head)
    if after is None:
        return f"the stream refuses relay {i + 1}", _with(world, i, relay._replace(phase="refused"))
    label = f"the stream stores {named(_carried(relay.batch, flaws))} of relay {i + 1}"
    relay = relay._replace(phase="acked", acked=len(after.stream))
    if relay.following is None:
        return label, _with(after, i, relay)
    label += _next(relay, relay.acked)
    return label, _goes_on(after, flaws, i, relay, relay.batch, relay.acked)


def _late(world: World, flaws: frozenset[str]) -> Steps:
    for n, late in enumerate(world.network):
        if n and late == world.network[n - 1]:
            continue
        rest = world._replace(network=(*world.network[:n], *world.network[n + 1 :]))
        after = _store(rest, flaws, late.events, late.fence)
        if after is not None:
            yield f"late, {named(late.events)} reaches the stream and is stored", after
        yield f"{named(late.events)} under way is lost or refused", rest


def _store(world: World, flaws: frozenset[str], events: tuple[Event, ...], fence: int) -> World | None:
    """The world with a batch in its stream, or None where the stream refuses it as a whole."""
    if "fence" not in flaws and fence != len(world.stream):
        return None
    if "dedupe" not in flaws and any(e in world.stream[world.window :] for e in events):
        return None
    stream = world.stream + events
    return world._replace(stream=stream, network=_alive(world.network, flaws, len(stream)))


def _alive(network: tuple[Batch, ...], flaws: frozenset[str], length: int) -> tuple[Batch, ...]:
    """Without what the fence can only refuse from now on."""
    if flaws & {"fence", "cut at rebuild"}:
        return network
    return tuple(b for b in network if b.fence >= length)


def _mark(world: World, events: tuple[Event, ...], head: int) -> World:
    if not events:
        return world
    rows = tuple(Row(r.id, r.event, sent=True) if r.event in events else r for r in world.outbox)
    return world._replace(outbox=rows, head=max(world.head, head))


def _leave(world: World, flaws: frozenset[str], i: int, relay: Relay) -> World:
    """The relay is gone; what it had under way stays under way."""
    if relay.phase == "waiting":
        late = Batch(_carried(relay.batch, flaws), relay.head)
        network = _alive(tuple(sorted((*world.network, late))), flaws, len(world.stream))
        world = world._replace(network=network)
    return _with(world, i, NOBODY)


def _with(world: World, i: int, relay: Relay) -> World:
    return world._replace(relays=put(world.relays, i, relay))
