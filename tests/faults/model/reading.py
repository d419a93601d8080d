"""From the stream to effects: lease, position, inbox and effect in one transaction; what fails is parked."""

from tests.faults.model.world import IDLE, Bounds, Event, Reader, Steps, World, by_aggregate, named, put

NOBODY = Reader()


def steps(world: World, bounds: Bounds, flaws: frozenset[str]) -> Steps:
    """What readers, and the people who mend and retry, can do next."""
    free = world.readers.index(NOBODY) if NOBODY in world.readers else -1
    for i, reader in enumerate(world.readers):
        if reader.phase == IDLE:
            if i == free and not any(r.session for r in world.readers):
                yield _begin(world, flaws, i)
        elif reader.phase == "working":
            yield _commit(world, bounds, flaws, i, reader)
        elif reader.position < len(world.stream):
            yield _take(world, flaws, i, reader)
    yield from _people(world, bounds, flaws)


def faults(world: World, bounds: Bounds) -> Steps:
    """What can go wrong with a reader, and who asks too early."""
    budget = world.budget
    for i, reader in enumerate(world.readers):
        if reader.phase == IDLE:
            continue
        if budget.crash:
            spent = world._replace(budget=budget._replace(crash=budget.crash - 1))
            yield f"! reader {i + 1} crashes", _with(spent, i, NOBODY)
        if budget.session and reader.session:
            spent = world._replace(budget=budget._replace(session=budget.session - 1))
            yield (
                f"! reader {i + 1} loses its session and does not know",
                _with(spent, i, reader._replace(session=False)),
            )
    if budget.haste and world.parked and not world.mended and not world.retry:
        spent = world._replace(budget=budget._replace(haste=budget.haste - 1))
        yield "! a retry is asked for too early", spent._replace(retry="asked")


def _begin(world: World, flaws: frozenset[str], i: int) -> tuple[str, World]:
    stream, position = world.position
    position = position if stream == world.number else 0
    if "start behind position" in flaws:
        position = len(world.stream)
    return (
        f"reader {i + 1} takes the lease and starts behind {position}",
        _with(world, i, Reader("reading", session=True, stream=world.number, position=position)),
    )


def _take(world: World, flaws: frozenset[str], i: int, reader: Reader) -> tuple[str, World]:
    batch = world.stream[reader.position :]
    label = f"reader {i + 1} begins a transaction over {named(batch)}"
    if "position with effect" in flaws:
        world = world._replace(position=(reader.stream, len(world.stream)))
        label = f"reader {i + 1} commits position {len(world.stream)} and begins on {named(batch)}"
    return label, _with(world, i, reader._replace(phase="working", batch=batch))


def _commit(world: World, bounds: Bounds, flaws: frozenset[str], i: int, reader: Reader) -> tuple[str, World]:
    if not reader.session and "one session" not in flaws:
        return f"reader {i + 1} cannot commit: its session is gone", _with(world, i, NOBODY)
    position = reader.position + len(reader.batch)
    after = _apply(world, bounds, flaws, reader.batch)
    after = after._replace(position=(reader.stream, position))
    stays = reader.stream == world.number
    behind = reader._replace(phase="reading", position=position, batch=()) if stays else NOBODY
    return f"reader {i + 1} commits {named(reader.batch)} and position {position}", _with(after, i, behind)


def _apply(world: World, bounds: Bounds, flaws: frozenset[str], batch: tuple[Event, ...]) -> World:
    effects, parked, inbox = list(world.effects), list(world.parked), set(world.inbox)
    for event in batch:
        if event in inbox:
            continue
        if "inbox" not in flaws:
            inbox.add(event)
        behind = "park behind" not in flaws and any(p.aggregate == event.aggregate for p in parked)
        aside = behind or _troubles(world, bounds, event)
        (parked if aside else effects).append(event)
    return world._replace(
        effects=by_aggregate(tuple(effects)), parked=by_aggregate(tuple(parked)), inbox=frozenset(inbox)
    )


def _troubles(world: World, bounds: Bounds, event: Event) -> bool:
    return not world.mended and str(event) in bounds.poison


def _people(world: World, bounds: Bounds, flaws: frozenset[str]) -> Steps:
    if world.parked and not world.mended:
        yield "the rule is mended", world._replace(mended=True)
    if world.parked and world.mended and not world.retry:
        yield "a retry of what is parked is asked for", world._replace(retry="asked")
    if world.retry != "asked":
        return
    if "retry under lease" in flaws:
        if world.seen is None:
            yield (
                f"somebody without the lease begins to retry {named(world.parked)}",
                world._replace(seen=world.parked),
            )
        else:
            yield (
                f"somebody without the lease commits the retry of {named(world.seen)}",
                _retry(world, bounds, flaws, world.seen)._replace(seen=None),
            )
        return
    for i, reader in enumerate(world.readers):
        if reader.phase == "reading" and reader.session:
            yield (
                f"reader {i + 1} retries {named(world.parked)}",
                _retry(world, bounds, flaws, world.parked),
            )


def _retry(world: World, bounds: Bounds, flaws: frozenset[str], parked: tuple[Event, ...]) -> World:
    """Take parked events in order, each aggregate's up to the first that fails again."""
    stuck: set[str] = set()
    taken: list[Event] = []
    for event in reversed(parked) if "retry in order" in flaws else parked:
        if _troubles(world, bounds, event) or (event.aggregate in stuck and "stop at failure" not in flaws):
            stuck.add(event.aggregate)
        else:
            taken.append(event)
    return world._replace(
        effects=by_aggregate((*world.effects, *taken)),
        parked=tuple(e for e in world.parked if e not in taken),
        retry="done" if world.mended else "",
    )


def _with(world: World, i: int, reader: Reader) -> World:
    return world._replace(readers=put(world.readers, i, reader))
