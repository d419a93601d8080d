"""The figures behind the simulated people, read from `parameters.toml`."""

import tomllib
from functools import lru_cache
from pathlib import Path
from random import Random

from pydantic import BaseModel, ConfigDict

from deploy.local.simulator.figures import Figures, Shares, Spread, pick

_FILE = Path(__file__).with_name("parameters.toml")


class Mix(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Shares
    program_kind: Shares
    substance: Shares
    sex: Shares
    age: Shares
    plan_kind: Shares


class Arrivals(Figures):
    variance_over_mean: float
    weekday_weights: tuple[float, ...]
    admitted_per_request: float
    mean_stay_days: float


class Span(Figures):
    follow_at_most: float
    """The part of a story in which nobody new calls."""


class Capacity(Figures):
    margin: float
    """Seats beyond those expected to be taken, in square roots of them."""


class Contact(Figures):
    says_no: float
    """Of those who do not come: reached, and no longer interested."""
    again: Shares
    """Whom somebody else refers too: linked, or unknown under name and birth date alone."""
    again_days: tuple[int, int]


class Funnel(Figures):
    days_to_assessment: Spread
    days_to_admission: Spread
    show_floor: float
    show_span: float
    show_tau_days: float
    assessed_to_admitted: float
    wait_factor: Shares
    not_admitted: Shares
    higher_level: Shares


class Detox(Figures):
    share: float
    substances: tuple[str, ...]
    days: Spread
    returns: float


class Safety(Figures):
    suicide: Shares
    late: float
    late_minutes: int
    settles: float


class Edge(Figures):
    one_of: int
    high_risk_number: int
    """Thoughts with an intention at the first screening, and nobody looks in time."""
    revoking_number: int
    medicare_number: int
    dying_number: int
    """Of those who go on to aftercare, in the order in which they do: dies during it."""
    incarcerated_number: int
    """Of those who begin to attend: in jail for some days, and back."""
    late_one_of: int
    """Each of these two is one of so many people."""


class Coverage(Figures):
    pended: float
    pended_days: int


class Consents(Figures):
    part2_tpo: float
    revoked: Shares
    revoked_after_days: int


class Waitlist(Figures):
    accept: float
    answered: float
    abandon_per_week: float
    moved_up_after_days: int


class Authorization(Figures):
    partial_or_denied: float
    appeal_won: float
    commercial_days: int
    commercial_more_days: int
    medicaid_days: int
    medicaid_more_days: int
    decision_days: Spread
    pended_from_days: int
    """A decision that takes so long is recorded as pended first."""


class Exit(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: float
    scale_days: float


class Preset(Figures):
    """One way in which episodes end."""

    frailty_sigma: float
    planned_end_days: Spread
    extended_share: float
    extension_days: Spread
    exits: dict[str, Exit]


class Episodes(Figures):
    network_90d: Preset
    public_sud_teds: Preset


class ExitWords(Figures):
    against_advice_of_dropped: float
    lower_level_of_lateral: float
    coverage_ended_of_other: float
    moved_of_other: float


class Attendance(Figures):
    in_person_intercept: float
    telehealth_intercept: float
    untuned_intercept: float
    patient_sigma: float
    frailty_correlation: float
    week_decay: float
    disengaged_days: int
    disengaged_logit: float
    late: float
    late_minutes: Spread
    left_early: float
    left_early_minutes: Spread
    miss_kind: Shares


class ResponseClass(BaseModel):
    """How a symptom score moves over the weeks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: float
    drop_fraction: float = 0.0
    tau_weeks: float = 1.0
    points_per_week: float = 0.0


class ResponseClasses(Figures):
    rapid: ResponseClass
    gradual: ResponseClass
    non_responder: ResponseClass
    deteriorating: ResponseClass

    def draw(self, rng: Random) -> ResponseClass:
        """One class, as often as its weight says."""
        classes = (self.rapid, self.gradual, self.non_responder, self.deteriorating)
        return classes[int(pick(rng, {str(i): each.weight for i, each in enumerate(classes)}))]


class Phq9(Figures):
    baseline_mental_health: Spread
    baseline_sud: Spread
    noise_sd: float
    noise_ar1: float
    slope_sd: float
    missing: float
    item9_from_total: int
    item9_positive: float
    classes: ResponseClasses


class Gad7(Figures):
    baseline: Spread
    change_scale_vs_phq9: float
    noise_sd: float


class Bam(Figures):
    use: Spread
    risk: Spread
    protective: Spread


class Lapse(Figures):
    first_alpha_weeks: float
    first_beta: float
    repeat_mean_weeks: float
    relapse: float
    reported: float
    misread: float
    """How often an instrument shows use where the person, once asked, had none."""


class After(Figures):
    check_in_reached: float
    at_risk: float
    relapse: float
    alumni: float
    outreach_reached: float
    again_days: int
    """How long somebody who comes back within 90 days stays, at the least."""


class Plans(Figures):
    signs_late: float
    signs_late_days: int


class Beside(Figures):
    meets_at_admission: float
    meets_at_discharge: float
    met_this_week: float
    medicated: float
    adherence: Shares
    homework: float
    homework_done: float


class Absence(Figures):
    share: float
    reason: Shares
    days: dict[str, tuple[int, int]]
    first_day: int
    last_day: int
    late_return: float
    late_return_days: int
    incarcerated_days: int
    gone_days: int
    """How long a program waits for somebody who is in jail."""


class Decision(Figures):
    patient_agrees: float
    team_asked: float
    not_yet: float
    tapers: float
    reviewed: float
    patient_returns: float


class Community(Figures):
    referred: float
    follow_up_days: int
    kind: Shares
    outcome: Shares


class Reminder(Figures):
    answered: float


class StaffFigures(Figures):
    absence: float
    absence_days: int
    agrees_to_move: float


class Week(Figures):
    days: dict[str, float]
    free: dict[str, float]


class Published(BaseModel):
    """A figure from a source, to hold a share against."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    percent: float
    cite: str


class Parameters(BaseModel):
    """Every figure of the model of people."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    mix: Mix
    arrivals: Arrivals
    span: Span
    capacity: Capacity
    funnel: Funnel
    contact: Contact
    detox: Detox
    safety: Safety
    edge: Edge
    coverage: Coverage
    consents: Consents
    waitlist: Waitlist
    authorization: Authorization
    episode: Episodes
    exit_words: ExitWords
    attendance: Attendance
    phq9: Phq9
    gad7: Gad7
    bam: Bam
    lapse: Lapse
    after: After
    week: Week
    staff: StaffFigures
    plans: Plans
    beside: Beside
    absence: Absence
    relapse_answer: Shares
    decision: Decision
    community: Community
    reminder: Reminder
    published: dict[str, tuple[Published, ...]]
    """By the name of a share in the outcome table."""

    def assumptions(self) -> list[str]:
        """Names of the tables in which a number was chosen rather than found."""
        return sorted(_assumed("", self))


def _assumed(path: str, table: BaseModel) -> list[str]:
    found = [path] if getattr(table, "assumption", False) else []
    for name in type(table).model_fields:
        value = getattr(table, name)
        if isinstance(value, BaseModel):
            found += _assumed(f"{path}.{name}".lstrip("."), value)
    return found


@lru_cache
def parameters() -> Parameters:
    """The figures in force."""
    return Parameters.model_validate(tomllib.loads(_FILE.read_text()))
