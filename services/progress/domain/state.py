"""An episode of care as progress knows it."""

from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from contracts.progress import Intervention
from contracts.rulebook import Rulebook
from contracts.vocabulary import AgeBand, LevelOfCare, ProgramKind
from services.progress.domain.facts import (
    Aftercare,
    Alert,
    Authorized,
    Contact,
    Covered,
    Declined,
    Direction,
    Extension,
    Pursuit,
    Recommendation,
    Result,
    Sitting,
    Stage,
    Taper,
    Task,
    UseReport,
    Week,
)
from services.progress.domain.kept import (
    Activity,
    Draft,
    Ended,
    Hold,
    Homework,
    Medication,
    Outward,
    Profile,
    Reassessment,
    Request,
    Rest,
    Screening,
    Start,
)

TAPER_OVER = "taper_over"
"""What a task is about once the days of a taper have passed."""
_AFTER_TREATMENT = (Stage.AFTERCARE, Stage.ALUMNI, Stage.DISCHARGED)


@dataclass(frozen=True, slots=True)
class Episode:
    """One person's way through the program, from admission to the alumni call."""

    id: str
    network_id: str
    site_id: str
    patient_id: str
    part2: bool
    tz: str
    program_id: str
    program_kind: ProgramKind
    age_band: AgeBand
    clinician_id: str
    admitted_on: date
    planned_end_on: date
    home_level: LevelOfCare
    level: LevelOfCare
    level_before: LevelOfCare
    level_since: date
    weekly_minutes: int
    stepped_on: date
    """From when the spacing of step-downs counts: admission, or the last step (K12)."""
    baselines: dict[str, int]
    stage: Stage = Stage.ADMITTED
    extended: bool = False
    stepped_down: bool = False
    coverage: tuple[Covered, ...] = ()
    authorizations: tuple[Authorized, ...] = ()
    schedule_version: int = 0
    planned_minutes: int = 0
    schedule_pending: bool = False
    schedule_stuck: str | None = None
    plan_id: str | None = None
    plan_version: int = 0
    next_review_due_on: date | None = None
    draft: Draft | None = None
    plan_asked: int = 0
    """How loudly a signed plan was asked for: 1 when it was due, 2 when it was late."""
    review_told: int | None = None
    """Days left to the next review when somebody was last told; -1 once it was late."""
    goals: tuple[Pursuit, ...] = ()
    interventions: tuple[Intervention, ...] = ()
    curriculum: str | None = None
    covered: dict[str, int] = field(default_factory=dict)
    """Attended sessions by kind of group, since the start or since that part began again."""
    curriculum_completed: bool = False
    starts: dict[str, Start] = field(default_factory=dict)
    results: dict[str, tuple[Result, ...]] = field(default_factory=dict)
    profiles: dict[str, tuple[Profile, ...]] = field(default_factory=dict)
    request: Request | None = None
    screening: Screening | None = None
    """Due and not done."""
    asked: dict[str, date] = field(default_factory=dict)
    """When each instrument that was not filled in had last been due."""
    activities: tuple[Activity, ...] = ()
    homework: tuple[Homework, ...] = ()
    medications: tuple[Medication, ...] = ()
    alerts: tuple[Alert, ...] = ()
    use_reported_on: date | None = None
    sittings: tuple[Sitting, ...] = ()
    attended_from: datetime | None = None
    """When the first attended session began: what was measured before is where the person started (K8)."""
    consecutive_missed: int = 0
    missed_session: str | None = None
    weeks: tuple[Week, ...] = ()
    answered_week: date | None = None
    """Newest week behind the last step-up for attendance, so that one pair of weeks speaks once."""
    contacts: tuple[Contact, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()
    step_down: str | None = None
    step_up: str | None = None
    stepped_by: str | None = None
    """The recommendation behind the last step."""
    declined: dict[Direction, Declined] = field(default_factory=dict)
    review_trigger: str | None = None
    """Why the step up that is under review was recommended."""
    taper: Taper | None = None
    tapered: bool = False
    """Whether this level of care has had its taper."""
    use_reports: tuple[UseReport, ...] = ()
    tasks: tuple[Task, ...] = ()
    extension: Extension | None = None
    denied_end_on: date | None = None
    """The planned end that somebody decided not to move."""
    aftercare: Aftercare | None = None
    discharged_on: date | None = None
    ended: Ended | None = None
    alumni_since: date | None = None
    """From when the person consented to be kept in touch with; that outlives the episode."""
    hold: Hold | None = None
    """Treatment rests, or will from an agreed day on."""
    rests: tuple[Rest, ...] = ()
    reassessments: tuple[Reassessment, ...] = ()
    certified_on: date | None = None
    certified_through: date | None = None
    """Last day on which the certification is current."""
    certification_told: tuple[date, int] | None = None
    """What somebody was last told: when one is due, and the days that were left; -1 once it had lapsed."""
    readmitted_on: date | None = None
    outward: tuple[Outward, ...] = ()
    died: bool = False
    died_on: date | None = None

    @property
    def over(self) -> bool:
        return self.stage is Stage.DISCHARGED

    @property
    def treated(self) -> bool:
        """Whether the program itself still goes on: not after it, nor ended."""
        return self.stage not in _AFTER_TREATMENT

    @property
    def in_touch(self) -> bool:
        """Whether nothing but contact with an alumnus is left of the episode."""
        return self.over and self.alumni_since is not None and not self.died

    @property
    def held(self) -> bool:
        """Whether a hold is agreed and nobody has resumed treatment."""
        return self.hold is not None

    def rests_on(self, day: date) -> bool:
        """Whether treatment rests on a day: from the first day of a hold until somebody resumes it."""
        return self.hold is not None and self.hold.since <= day

    def after_rests(self, day: date) -> date:
        """When something is due: what came due in a hold is due when treatment goes on."""
        return max([day, *(rest.until for rest in self.rests)])

    def held_on(self, day: date) -> bool:
        """Whether the person is excused on a day: from the first day of a hold to the expected return."""
        return self.hold is not None and self.hold.since <= day <= self.hold.until

    def days_held(self, first: date, last: date) -> int:
        """Days between two others on which nobody expected the person."""
        running = (Rest(self.hold.since, self.hold.until),) if self.hold else ()
        return sum(rest.days_in(first, last) for rest in (*self.rests, *running))

    @property
    def stay_began_on(self) -> date:
        """From when the longest stay counts: the admission, or the readmission."""
        return self.readmitted_on or self.admitted_on

    @property
    def weeks_of_stay(self) -> list[Week]:
        """The closed weeks, after a readmission those since; others say nothing about treatment after it."""
        return [w for w in self.weeks if w.overlaps(self.readmitted_on or date.min, date.max)]

    @property
    def first_attended_on(self) -> date | None:
        return min((s.on for s in self.sittings), default=None)

    @property
    def attending(self) -> bool:
        """Whether the person is treated in the program; while a step up is thought about too."""
        return self.stage in (Stage.ATTENDING, Stage.STEP_UP_PENDING)

    @property
    def tapering(self) -> bool:
        """Whether the weekly minutes may be below the level's minimum, as the last step was a taper."""
        return self.taper is not None and not self.taper.ended

    @property
    def taper_over(self) -> bool:
        """Whether somebody was told that the days of the taper have passed, and no other step followed."""
        taper = self.taper
        return (
            taper is not None
            and not taper.ended
            and any((t.about, t.subject_id) == (TAPER_OVER, taper.recommendation_id) for t in self.tasks)
        )

    @property
    def unanswered_relapse(self) -> UseReport | None:
        """The newest relapse about which nobody has said what is done."""
        relapses = (r for r in reversed(self.use_reports) if r.classification == "relapse" and r.stands)
        return next((r for r in relapses if not r.responded), None)

    @property
    def last_attended_on(self) -> date | None:
        return max((s.on for s in self.sittings), default=None)

    @property
    def remaining_required(self) -> int:
        return sum(p.goal.required_for_step_down and p.met_on is None for p in self.goals)

    def day(self, at: datetime) -> date:
        """The civil day at the site."""
        return at.astimezone(ZoneInfo(self.tz)).date()

    def level_on(self, day: date) -> LevelOfCare:
        """The level of care on a day; an approved change holds from its own date on."""
        return self.level if day >= self.level_since else self.level_before

    def payer_on(self, day: date) -> Covered | None:
        """Who pays on a day, as far as anybody said."""
        known = [c for c in self.coverage if c.since <= day]
        return max(known, key=lambda c: c.since, default=self.coverage[0] if self.coverage else None)

    def rules_on(self, day: date, rules: Rulebook) -> Rulebook:
        """The rules for this person on a day: of the site, the program and whoever pays then."""
        payer = self.payer_on(day)
        keys = (payer.payer_id, str(payer.plan_kind)) if payer else ()
        return rules.at(self.network_id, self.site_id, self.program_id, keys)

    def before_treatment(self, at: datetime) -> bool:
        """Whether an instant lies before the first attended session."""
        return self.attended_from is None or at < self.attended_from

    def scores(self, instrument: str) -> tuple[Result, ...]:
        """The newest results of an instrument, oldest first."""
        return self.results.get(instrument, ())

    def entries(self, instrument: str) -> tuple[Result | Profile, ...]:
        """The newest results of an instrument, oldest first, whether it has a total or not."""
        return self.results.get(instrument) or self.profiles.get(instrument, ())

    def recommendation(self, direction: Direction) -> Recommendation | None:
        """The open recommendation of a direction."""
        open_id = self.step_down if direction is Direction.DOWN else self.step_up
        return next((r for r in self.recommendations if r.id == open_id), None)
