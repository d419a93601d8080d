"""What the next version changes: everything that an additive release may bring, small enough to read.

One optional field that is filled in one event of each service, one event type that is new, said by
progress and heard by notify, a wake that is new, more in a private fact and in a state, and a
migration of each service.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """In a file, `old` stands exactly once and becomes `new`."""

    file: str
    old: str
    new: str


def _after(file: str, line: str, *more: str) -> Change:
    return Change(file, line, "".join((line, *more)))


ADDED_FIELDS = (
    _after(
        "contracts/intake.py",
        "    baseline: tuple[InstrumentResult, ...] = ()\n",
        "    certified_on: Day | None = None\n",
    ),
    _after(
        "services/intake/domain/admission.py",
        "        baseline=referral.screening.results if referral.screening else (),\n",
        "        certified_on=today,\n",
    ),
    _after(
        "contracts/scheduling/sessions.py",
        "    attendance_ratio_permille: Permille | None = None\n",
        "    sessions_expected: Count | None = None\n",
    ),
    _after(
        "services/scheduling/domain/closing.py",
        "        sessions_missed=sum(not o.attended for o in outcomes),\n",
        "        sessions_expected=len(outcomes),\n",
    ),
    _after(
        "contracts/progress/episode.py",
        '    """Progress took over an admitted person."""\n',
        "\n    program_id: Token | None = None",
    ),
    _after(
        "services/progress/domain/course.py",
        "        **about(evolve(None, admitted), moment.actor),\n",
        "        program_id=event.program_id,\n",
    ),
    Change(
        "contracts/notify.py",
        "from contracts.vocabulary import Instant, Token\n",
        "from contracts.vocabulary import Count, Instant, Token\n",
    ),
    _after("contracts/notify.py", "    sent_at: Instant\n", "    characters: Count | None = None\n"),
    _after(
        "services/notify/domain/sending.py",
        "            recipient_role=letter.recipient_role,\n            sent_at=now,\n",
        "            characters=len(letter.text),\n",
    ),
)

NEW_EVENT = (
    Change(
        "contracts/progress/episode.py",
        "class EpisodeStateChanged(PatientEvent):\n",
        "class WeekReviewed(PatientEvent):\n"
        '    """A closed week was weighed."""\n\n'
        "    week_start: Day\n\n\n"
        "class EpisodeStateChanged(PatientEvent):\n",
    ),
    Change(
        "services/progress/domain/course.py",
        "from contracts.progress import EpisodeStarted, OutreachAttempted\n",
        "from contracts.progress import EpisodeStarted, OutreachAttempted, WeekReviewed\n",
    ),
    Change(
        "services/progress/domain/course.py",
        "    told = then(state, moment, [WeekNoted(week)], weigh_goals)\n",
        "    reviewed = WeekReviewed(**about(state, moment.actor), week_start=event.week_start)\n"
        "    told = then(state, moment, [WeekNoted(week), reviewed], weigh_goals)\n",
    ),
    _after("contracts/progress/__init__.py", "    EpisodeStateChanged,\n", "    WeekReviewed,\n"),
    _after("contracts/progress/__init__.py", '    "EpisodeStateChanged",\n', '    "WeekReviewed",\n'),
    _after("services/notify/app.py", "    StepUpRecommended,\n", "    WeekReviewed,\n"),
    _after(
        "services/notify/app.py",
        "        CheckInDue: on(PEOPLE, domain.raise_task),\n",
        "        WeekReviewed: on(PEOPLE, domain.week_reviewed),\n",
    ),
    Change(
        "services/notify/app.py",
        '    wakes={"send": gather(handlers.send)},\n',
        '    wakes={"send": gather(handlers.send), "look_back": gather(handlers.look_back)},\n',
    ),
    _after("services/notify/domain/__init__.py", "    week_changed,\n", "    week_reviewed,\n"),
    _after("services/notify/domain/__init__.py", '    "week_changed",\n', '    "week_reviewed",\n'),
    _after("services/notify/domain/reactions.py", "    PatientDischarged,\n", "    WeekReviewed,\n"),
    _after("services/notify/domain/reactions.py", "    PersonMet,\n", "    WeekSeen,\n"),
    Change(
        "services/notify/domain/reactions.py",
        "from contracts.decisions import Moment\n",
        "from datetime import timedelta\n\nfrom contracts.decisions import Moment, Wake\n",
    ),
    Change(
        "services/notify/domain/reactions.py",
        "def session_missed(",
        "def week_reviewed(person: Person, event: WeekReviewed, moment: Moment) -> list[Fact]:\n"
        '    """Look back at a week once it was weighed."""\n'
        '    back = Wake(moment.at + timedelta(minutes=30), f"look_back:{moment.cause}")\n'
        "    return [WeekSeen(event.week_start), back]\n\n\n"
        "def session_missed(",
    ),
    _after(
        "services/notify/handlers/__init__.py",
        "SEND_SECONDS = 10\n",
        "\n\nasync def look_back(unit: Unit, key: str, woke: Woke, moment: Moment) -> None:\n"
        '    """Keep that a week was looked back at."""\n'
        '    sql = "INSERT INTO weeks_looked_back (episode_id, cause, at) VALUES ($1, $2, $3)"\n'
        '    await unit.db.execute(sql, key, woke.what.partition(":")[2], moment.at)\n',
    ),
)

PRIVATE = (
    _after(
        "services/notify/domain/person.py",
        '    """A message waits to be sent."""\n\n    message: Message\n',
        "    first_due_at: datetime | None = None\n",
    ),
    Change(
        "services/notify/domain/queueing.py",
        "    return [MessageQueued(message), _wake(message.message_id, message.due_at)]\n",
        "    queued = MessageQueued(message, first_due_at=message.due_at)\n"
        "    return [queued, _wake(message.message_id, message.due_at)]\n",
    ),
    _after("services/notify/domain/person.py", "    failures: int = 0\n", '    language: str = "en"\n'),
    _after(
        "services/notify/domain/person.py",
        "    queued: dict[str, Message] = field(default_factory=dict)\n",
        "    weeks_seen: int = 0\n",
    ),
    Change(
        "services/notify/domain/person.py",
        "PRIVATE = (\n",
        "@dataclass(frozen=True, slots=True)\n"
        "class WeekSeen:\n"
        '    """A week of this person was weighed."""\n\n'
        "    week_start: date\n\n\n"
        "PRIVATE = (\n"
        "    WeekSeen,\n",
    ),
    Change(
        "services/notify/domain/person.py",
        "from datetime import datetime\n",
        "from datetime import date, datetime\n",
    ),
    _after("services/notify/domain/person.py", "    PersonMet\n    | ChannelsChosen\n", "    | WeekSeen\n"),
    Change(
        "services/notify/domain/person.py",
        "        case ChannelsChosen(channels):\n",
        "        case WeekSeen():\n"
        "            changed = replace(person, weeks_seen=person.weeks_seen + 1)\n"
        "        case ChannelsChosen(channels):\n",
    ),
)

CHANGES = (*ADDED_FIELDS, *NEW_EVENT, *PRIVATE)

MIGRATIONS = {
    "services/intake/migrations": "ALTER TABLE referrals ADD COLUMN certified_on date;\n",
    "services/scheduling/migrations": "ALTER TABLE calendars ADD COLUMN sessions_expected int;\n",
    "services/progress/migrations": "ALTER TABLE episodes ADD COLUMN reviewed_on date;\n",
    "services/notify/migrations": (
        "CREATE TABLE weeks_looked_back (\n"
        "  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n"
        "  episode_id text NOT NULL,\n"
        "  cause text NOT NULL,\n"
        "  at timestamptz NOT NULL\n"
        ");\n"
    ),
    "services/chassis/migrations": "ALTER TABLE inbox ADD COLUMN remark text;\n",
}
"""Folder to what its next file does before the new code runs."""

NEW_EVENT_TYPE = "progress.week_reviewed.v1"
