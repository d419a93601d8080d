"""What became of the people who left: figures of sites and programs, each with what it is a share of."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from contracts.progress import MeasureRecorded, PatientDischarged
from contracts.vocabulary import DischargeReason

COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Left:
    """One episode that ended, and what is counted of it."""

    site_id: str
    program_id: str
    discharged: PatientDischarged
    creditable_minutes: int = 0
    scheduled_minutes: int = 0
    extensions: int = 0
    step_ups: int = 0
    step_downs: int = 0
    last_measures: tuple[MeasureRecorded, ...] = ()
    """The newest result of each instrument."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    count: int
    of: int
    permille: int | None


@dataclass(frozen=True, slots=True)
class Stay:
    """How long people stayed, in tenths of days."""

    of: int
    median_tenths: int | None
    mean_tenths: int | None


@dataclass(frozen=True, slots=True)
class Happened:
    """How often something happened, and to how many of how many people."""

    times: int
    people: Share


@dataclass(frozen=True, slots=True)
class Change:
    """Where an instrument went from the start of treatment to its newest result, in tenths of points."""

    instrument: str
    of: int
    mean_change_tenths: int | None
    improved: Share
    deteriorated: Share


@dataclass(frozen=True, slots=True)
class Outcome:
    """The figures of one site and program; who never attended is nobody's client and counted apart."""

    site_id: str
    program_id: str
    never_attended: Share
    reasons: dict[str, Share]
    completed: Share
    stay_days: Stay
    attended_minutes: Share
    goals_met: Share
    measures: tuple[Change, ...]
    extensions: Happened
    step_ups: Happened
    step_downs: Happened


def outcomes(people: Iterable[Left]) -> list[Outcome]:
    """The figures of every site and program in the order of their names."""
    groups: dict[tuple[str, str], list[Left]] = defaultdict(list)
    for one in people:
        groups[one.site_id, one.program_id].append(one)
    return [_outcome(site, program, group) for (site, program), group in sorted(groups.items())]


def _outcome(site_id: str, program_id: str, everybody: Sequence[Left]) -> Outcome:
    clients = [p for p in everybody if _is_client(p.discharged)]
    ends = [p.discharged for p in clients]
    reasons = sorted({d.teds_reason for d in ends})
    return Outcome(
        site_id=site_id,
        program_id=program_id,
        never_attended=share(len(everybody) - len(clients), len(everybody)),
        reasons={r: share(sum(d.teds_reason == r for d in ends), len(ends)) for r in reasons},
        completed=share(sum(d.teds_reason == COMPLETED for d in ends), len(ends)),
        stay_days=_stay([d.los_days for d in ends]),
        attended_minutes=share(
            sum(p.creditable_minutes for p in clients), sum(p.scheduled_minutes for p in clients)
        ),
        goals_met=share(sum(d.goals_met for d in ends), sum(d.goals_total for d in ends)),
        measures=_changes(clients),
        extensions=_happened([p.extensions for p in clients]),
        step_ups=_happened([p.step_ups for p in clients]),
        step_downs=_happened([p.step_downs for p in clients]),
    )


def _is_client(end: PatientDischarged) -> bool:
    """Also who turned out to have attended after all."""
    return end.reason is not DischargeReason.NEVER_ATTENDED or end.first_service_on is not None


def share(count: int, of: int) -> Share:
    """A share in permille; of nothing there is none."""
    return Share(count, of, 1000 * count // of if of else None)


def _stay(days: Sequence[int]) -> Stay:
    if not days:
        return Stay(0, None, None)
    return Stay(len(days), round(10 * median(days)), _tenths(sum(days), len(days)))


def _happened(times: Sequence[int]) -> Happened:
    return Happened(sum(times), share(sum(n > 0 for n in times), len(times)))


def _changes(clients: Sequence[Left]) -> tuple[Change, ...]:
    """Only people who have a result from before treatment and one from during it can have changed."""
    known: dict[str, list[MeasureRecorded]] = defaultdict(list)
    for last in (m for p in clients for m in p.last_measures):
        if last.change is not None:
            known[last.instrument].append(last)
    return tuple(_change(instrument, lasts) for instrument, lasts in sorted(known.items()))


def _change(instrument: str, lasts: Sequence[MeasureRecorded]) -> Change:
    count = len(lasts)
    return Change(
        instrument=instrument,
        of=count,
        mean_change_tenths=_tenths(sum(m.change or 0 for m in lasts), count),
        improved=share(sum(m.reliable_change == "improved" for m in lasts), count),
        deteriorated=share(sum(m.reliable_change == "deteriorated" for m in lasts), count),
    )


def _tenths(total: int, count: int) -> int:
    """The mean in tenths, rounded half up."""
    return (20 * total + count) // (2 * count)
