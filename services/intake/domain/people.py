"""Who a person is: what is kept of them here and nowhere else, and how they are known again."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from contracts.rule_tables import MajorityRules
from contracts.rulebook import IntakeRules, MatchingRules
from contracts.vocabulary import AgeBand

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_GENDERS = {"f": "female", "female": "female", "m": "male", "male": "male", "other": "other"}


@dataclass(frozen=True, slots=True)
class Identifier:
    """A number that one system gave to one person."""

    system: str = field(repr=False)
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """A person as referred. Nothing of it may appear in an event, error or log but what groups ask for."""

    given: str = field(repr=False)
    family: str = field(repr=False)
    birth_date: date = field(repr=False)
    sex: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    language: str | None = field(default=None, repr=False)
    identifiers: tuple[Identifier, ...] = field(default=(), repr=False)


def language_told(person: Person) -> str | None:
    """The person's language, as groups may ask for it; words that are no code stay where they are."""
    word = (person.language or "").replace("_", "-")
    return word if _LANGUAGE.fullmatch(word) else None


def gender_told(person: Person) -> str | None:
    """The person's gender, as groups may ask for it; words that are no code stay where they are."""
    return _GENDERS.get((person.sex or "").casefold())


def local_date(at: datetime, tz: str) -> date:
    """The civil date of an instant at a site."""
    return at.astimezone(ZoneInfo(tz)).date()


def midnight(day: date, tz: str) -> datetime:
    """The instant at which a day begins at a site, in UTC."""
    return datetime.combine(day, time(), tzinfo=ZoneInfo(tz)).astimezone(UTC)


def age_on(born: date, today: date) -> int:
    """Completed years; negative before birth."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def birthday(born: date, years: int) -> date:
    """The day on which somebody has lived so many years; a leap day is kept on March 1."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)


def of_age_at(person: Person, tz: str, rules: MajorityRules) -> datetime:
    """The instant from which a person signs alone: the site's midnight of a birthday."""
    return midnight(birthday(person.birth_date, rules.age), tz)


def age_band(born: date, today: date, rules: IntakeRules) -> AgeBand:
    """Adult or adolescent on a day."""
    return AgeBand.ADULT if age_on(born, today) >= rules.adult_age else AgeBand.ADOLESCENT


def person_keys(person: Person) -> tuple[str, ...]:
    """Every key under which this very person may be known: each identifier, and name, birth date and phone.

    Sorted, so that two who claim the same keys claim them in the same order.
    """
    keys = _identifier_keys(person)
    phone = _digits(person.phone or "")
    if phone:
        keys.add(_digest("name", *_name_and_birth(person), phone))
    return tuple(sorted(keys))


def likeness(person: Person) -> str:
    """The key of name and birth date alone: enough to make somebody look, never enough to link."""
    return _digest("like", *_name_and_birth(person))


def likeness_score(one: Person, other: Person, rules: MatchingRules) -> int:
    """How likely two are the same person, in points out of 1000: the strongest agreement counts."""
    same_name = _name_and_birth(one) == _name_and_birth(other)
    phone = _digits(one.phone or "")
    same_phone = bool(phone) and phone == _digits(other.phone or "")
    found = {
        rules.identifier: bool(_identifier_keys(one) & _identifier_keys(other)),
        rules.name_birth_phone: same_name and same_phone,
        rules.name_birth: same_name,
        rules.birth_phone: one.birth_date == other.birth_date and same_phone,
    }
    return max((points for points, holds in found.items() if holds), default=0)


def contradict(one: Person, other: Person) -> bool:
    """Whether two cannot be the same person, whatever number they share."""
    return one.birth_date != other.birth_date


def _identifier_keys(person: Person) -> set[str]:
    return {_digest("id", _fold(i.system), _plain(i.value)) for i in person.identifiers if _tells_apart(i)}


def _name_and_birth(person: Person) -> tuple[str, str, str]:
    return _fold(person.given), _fold(person.family), person.birth_date.isoformat()


def _tells_apart(identifier: Identifier) -> bool:
    """A number without a system, or a filler such as 999-99-9999, is shared by strangers."""
    return bool(_fold(identifier.system)) and len(set(_plain(identifier.value))) > 1


def _fold(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _plain(text: str) -> str:
    return "".join(c for c in _fold(text) if c.isalnum())


def _digits(phone: str) -> str:
    digits = "".join(str(unicodedata.digit(c)) for c in phone if unicodedata.digit(c, None) is not None)
    return digits[1:] if len(digits) == 11 and digits.startswith("1") else digits


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()
