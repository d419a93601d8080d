"""Commands: lock the rows, insert into the outbox, commit, answer; a lost answer is asked for again."""

from tests.faults.model.world import IDLE, Bounds, Event, Row, Steps, World, Writer, put

NOBODY = Writer()


def steps(world: World, bounds: Bounds, flaws: frozenset[str]) -> Steps:
    """What writers can do next."""
    free = world.writers.index(NOBODY) if NOBODY in world.writers else -1
    for i, writer in enumerate(world.writers):
        if writer.phase == "open":
            yield from _work(world, flaws, i, writer)
        elif i == free:  # who is idle is like any other who is idle: one of them is enough
            for command in range(len(bounds.commands)):
                yield from _begin(world, bounds, flaws, i, command)


def faults(world: World) -> Steps:
    """What can go wrong with a writer or its client."""
    crash = world.budget._replace(crash=world.budget.crash - 1)
    lost = world.budget._replace(answer=world.budget.answer - 1)
    for i, writer in enumerate(world.writers):
        if writer.phase == IDLE:
            continue
        if crash.crash >= 0:
            yield (
                f"! writer {i + 1} crashes",
                world._replace(writers=put(world.writers, i, NOBODY), budget=crash),
            )
        if lost.answer >= 0 and writer.awaited:
            yield (
                f"! the client of writer {i + 1} waits no longer for its answer",
                world._replace(writers=put(world.writers, i, writer._replace(awaited=False)), budget=lost),
            )


def _begin(world: World, bounds: Bounds, flaws: frozenset[str], i: int, command: int) -> Steps:
    if command in world.answered or any(w.command == command and w.awaited for w in world.writers):
        return
    who = f"writer {i + 1}"
    if "idempotency" not in flaws:
        if any(w.command == command and w.phase == "open" for w in world.writers):
            return
        if any(row.event.command == command for row in world.outbox):
            yield (
                f"{who} gives command {command} the answer it had",
                world._replace(answered=world.answered | {command}),
            )
            return
    wanted = bounds.commands[command]
    if "row lock" not in flaws and any(_holds(w, wanted) for w in world.writers):
        return
    plan: list[Event] = []
    for aggregate in wanted:
        before = _said(world, aggregate) + sum(e.aggregate == aggregate for e in plan)
        plan.append(Event(aggregate, before + 1, command))
    begun = Writer("open", command, awaited=True, plan=tuple(plan))
    yield (
        f"{who} begins command {command}: will say {' '.join(map(str, plan))}",
        world._replace(writers=put(world.writers, i, begun)),
    )


def _work(world: World, flaws: frozenset[str], i: int, writer: Writer) -> Steps:
    who = f"writer {i + 1}"
    if not writer.ids and "row lock" in flaws and "version check" not in flaws:
        aggregates = {e.aggregate for e in writer.plan}
        if any(w.ids and _holds(w, "".join(aggregates)) for w in world.writers):
            return
        if any(_said(world, a) + 1 not in [e.sequence for e in writer.plan] for a in aggregates):
            yield f"{who} lost a race", world._replace(writers=put(world.writers, i, NOBODY))
            return
    if len(writer.ids) < len(writer.plan):
        taken = [row.id for row in world.outbox] + [n for w in world.writers for n in w.ids]
        id = max(taken, default=0) + 1
        yield (
            f"{who} inserts {writer.plan[len(writer.ids)]} as row {id}",
            world._replace(writers=put(world.writers, i, writer._replace(ids=(*writer.ids, id)))),
        )
    elif "commit before answer" in flaws and writer.awaited:
        yield (
            f"{who} answers command {writer.command} before it commits",
            world._replace(
                writers=put(world.writers, i, writer._replace(awaited=False)),
                answered=world.answered | {writer.command},
            ),
        )
    else:
        rows = (Row(n, e) for n, e in zip(writer.ids, writer.plan, strict=True))
        yield (
            f"{who} commits command {writer.command}" + (" and answers it" if writer.awaited else ""),
            world._replace(
                writers=put(world.writers, i, NOBODY),
                outbox=tuple(sorted((*world.outbox, *rows))),
                answered=world.answered | {writer.command} if writer.awaited else world.answered,
            ),
        )


def _holds(writer: Writer, aggregates: str) -> bool:
    return writer.phase == "open" and any(e.aggregate in aggregates for e in writer.plan)


def _said(world: World, aggregate: str) -> int:
    return sum(row.event.aggregate == aggregate for row in world.outbox)
