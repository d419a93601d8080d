"""The life of a simulated network, one working day after the other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from deploy.local.network import Network
from deploy.local.proof.ledger import Ledger
from deploy.local.simulator.api import Api
from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.roll_call import Meeting, moments
from deploy.local.simulator.scene import Scene, make_sites, next_workday
from deploy.local.simulator.staff import Staff
from deploy.local.timekeeper import Timekeeper
from deploy.local.trouble import Trouble

NETWORK = "demo"
STARTS_ON = date(2026, 1, 5)
"""A Monday; midnight in the easternmost zone is where the clocks begin."""
BEGINS_AT = datetime(2026, 1, 5, 5, 0, tzinfo=UTC)
OFFICE = time(16, 10, tzinfo=UTC)
"""Inside the working day of every zone, winter and summer."""
WARM_UP_WEEKS = 13
ROLES = ("admissions", "clinician", "director", "scheduler", "biller", "operator")


@dataclass(frozen=True, slots=True)
class Script:
    """What is to be lived through."""

    sites: int = 3
    patients: int = 60
    weeks: int = 20
    seed: int = 7
    warm_up_weeks: int = WARM_UP_WEEKS
    referrals: Path | None = None
    exact: bool = False
    """Ring every wake at its own instant, however long it takes."""

    def bundles(self) -> dict[str, bytes]:
        """The referral bundles to begin with, by file name. Raises Trouble where there are none."""
        if self.referrals is None:
            return {}
        found = {file.stem: file.read_bytes() for file in sorted(self.referrals.glob("*.json"))}
        if not found:
            raise Trouble(f"There are no bundles (*.json) in {self.referrals}.", code="no_bundles")
        return found

    @property
    def days(self) -> int:
        return 7 * (self.warm_up_weeks + self.weeks)

    @property
    def asking_days(self) -> int:
        """Days on which people call; whoever is admitted is followed through the rest."""
        figures = parameters()
        planned = figures.episode.network_90d.planned_end_days.mean
        return self.days - round(min(planned, figures.span.follow_at_most * self.days))

    @property
    def opens_on(self) -> date:
        """First day after the warm-up."""
        return STARTS_ON + timedelta(weeks=self.warm_up_weeks)

    @property
    def ends_on(self) -> date:
        return STARTS_ON + timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Tick:
    """How far the story has come, once a simulated week."""

    week: int
    """1 is the first week after the warm-up; warm-up weeks are 0 and below."""
    weeks: int
    states: dict[str, int]
    referred: int
    events: int


@dataclass(slots=True)
class Lived:
    """What the simulator itself knows at the end; everything else is asked of the network."""

    refusals: dict[str, int] = field(default_factory=dict)
    refused_steps: dict[str, int] = field(default_factory=dict)
    bundles: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    questions: int = 0


async def live(
    network: Network,
    script: Script,
    tell: Callable[[Tick], None] = lambda _: None,
    ledger: Ledger | None = None,
) -> Lived:
    """Live through the whole script on a running stack under the manual clock."""
    sites = make_sites(script.sites)
    names = [site.id for site in sites]
    urls = {name: network.url(name) for name in network.services}
    tokens = {role: network.token(role=role, network=NETWORK, sites=names) for role in ROLES}
    async with (
        Timekeeper(urls, tokens["operator"], exact=script.exact, alone=True) as keeper,
        Api(urls, tokens, script.seed, keeper.touch, ledger) as api,
    ):
        if await keeper.now() > BEGINS_AT:
            raise Trouble(
                "The network in this folder has already lived past the first day of the story.",
                "Choose an empty folder: --data DIR",
                code="not_fresh",
            )
        scene = Scene(script.seed, api, sites, keeper.quiet)
        staff = Staff(scene)
        shares = {s.id: n for s, n in zip(sites, _split(script.patients, len(sites)), strict=True)}
        await staff.open_network(shares, script.asking_days, STARTS_ON, script.ends_on)
        staff.expect_people(shares, script.asking_days, STARTS_ON)
        lived = Lived()
        if script.referrals is not None:
            lived.bundles = await staff.take_bundles(script.bundles(), STARTS_ON)
        await _days(script, scene, staff, keeper, tell)
        lived.refusals, lived.refused_steps = dict(api.refusals), dict(api.refused_steps)
        lived.calls, lived.questions = api.calls, keeper.questions
        return lived


async def _days(
    script: Script, scene: Scene, staff: Staff, keeper: Timekeeper, tell: Callable[[Tick], None]
) -> None:
    rolls: dict[datetime, list[Meeting]] = {}
    for day in _workdays(script):
        office = datetime.combine(day, OFFICE)
        overdue = office + timedelta(minutes=parameters().safety.late_minutes)
        coming: list[Meeting] = []
        ahead = {office, *rolls}
        while ahead:
            moment = min(ahead)
            ahead.remove(moment)
            await keeper.advance(moment)
            if moment in rolls:
                await staff.roll_call.take(rolls[moment])
            if moment == office:
                await staff.office_hours(day)
                await keeper.quiet()
                coming = await staff.roll_call.plan(next_workday(day))
                ahead |= {overdue} if staff.front_desk.assessor.late else set()
            if moment == overdue:
                await staff.front_desk.assessor.answer_late()
        rolls = dict(moments(coming))
        if day.weekday() == 4:
            tell(_tick(script, scene, staff, keeper, day))
    # A little past the last midnight, so that the last day and week have closed everywhere.
    await keeper.advance(datetime.combine(script.ends_on, time(12, 0, tzinfo=UTC)))
    await keeper.quiet()


def _workdays(script: Script) -> Iterator[date]:
    day = STARTS_ON
    while day < script.ends_on:
        yield day
        day = next_workday(day)


def _tick(script: Script, scene: Scene, staff: Staff, keeper: Timekeeper, day: date) -> Tick:
    week = (day - script.opens_on).days // 7 + 1
    return Tick(week, script.weeks, dict(staff.clinic.states), len(scene.members), keeper.events)


def _split(total: int, parts: int) -> list[int]:
    return [total // parts + (part < total % parts) for part in range(parts)]
