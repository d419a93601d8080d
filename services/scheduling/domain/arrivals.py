"""Coming and going: who has arrived, and what is kept for them meanwhile. Pure."""

from dataclasses import dataclass, replace
from enum import StrEnum

from contracts.decisions import Moment, Refused
from contracts.scheduling import PatientCheckedIn, PatientCheckedOut
from contracts.vocabulary import DevicePolicy
from services.scheduling.domain.calendar import Calendar, about
from services.scheduling.domain.roll_call import while_it_lasts
from services.scheduling.domain.sessions import Arrival, Arrived, Departed, Session


class Item(StrEnum):
    """What people bring along."""

    PHONE = "phone"
    DEVICE = "device"
    BAG = "bag"
    MEDICATION = "medication"
    OTHER = "other"


DEVICES = frozenset({Item.PHONE, Item.DEVICE})


@dataclass(frozen=True, slots=True)
class CheckIn:
    """A person arrived, with what they hand over."""

    network_id: str
    sites: tuple[str, ...]
    episode_id: str
    items: tuple[Item, ...] = ()
    locker_id: str | None = None


@dataclass(frozen=True, slots=True)
class CheckOut:
    """A person left, with what was kept for them or without."""

    network_id: str
    sites: tuple[str, ...]
    episode_id: str
    returned: bool = True


def check_in(
    session: Session, state: Calendar, policy: DevicePolicy, command: CheckIn, moment: Moment
) -> tuple[PatientCheckedIn, Arrived]:
    """Let a person in; where devices are surrendered they go into a locker."""
    while_it_lasts(session, moment)
    before = session.arrivals.get(state.id)
    if before is not None and (before.left_at is None or holds(before)):
        raise Refused(
            "checked_in_already",
            "This person is checked in already.",
            hint="Check them out first.",
            locker_id=before.locker_id,
        )
    devices = sorted({item.value for item in command.items if item in DEVICES})
    if policy is DevicePolicy.SURRENDER and devices and command.locker_id is None:
        raise Refused(
            "locker_needed",
            "Phones and devices are surrendered at this site: they need a locker.",
            hint="Name the locker that they go into.",
            items=devices,
        )
    items = tuple(sorted({item.value for item in command.items}))
    arrival = Arrival(moment.at, items, command.locker_id)
    if before is not None:
        # Who steps out and comes back was there since they first came.
        arrival = replace(arrival, at=before.at)
    said = PatientCheckedIn(
        **about(state, moment),
        session_id=session.id,
        at=moment.at,
        device_policy=policy,
        items=items,
        locker_id=command.locker_id,
    )
    return said, Arrived(state.id, arrival)


def holds(arrival: Arrival) -> bool:
    """Whether something of the person's is still kept."""
    return bool(arrival.items or arrival.locker_id) and not arrival.returned


def not_in() -> Refused:
    """A person who is not in cannot leave."""
    return Refused("not_checked_in", "This person is not checked in.", hint="Check them in first.")


def check_out(
    session: Session, state: Calendar, command: CheckOut, moment: Moment
) -> tuple[PatientCheckedOut, Departed]:
    """Let a person out; what was kept is returned, now or when they come back for it."""
    arrival = session.arrivals.get(state.id)
    if arrival is None or (arrival.left_at is not None and not holds(arrival)):
        raise not_in()
    said = PatientCheckedOut(
        **about(state, moment),
        session_id=session.id,
        at=moment.at,
        returned=command.returned,
    )
    return said, Departed(state.id, moment.at, command.returned)
