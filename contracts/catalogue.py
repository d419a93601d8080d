"""Every event type of Handrail, found in the four modules that say them.

Not imported by the chassis: a service hands it the events of the modules that it hears.
"""

import inspect

from contracts import intake, notify, progress, scheduling
from contracts.event import Event, PatientEvent, SiteEvent

SPEAKERS = {"intake": intake, "scheduling": scheduling, "progress": progress, "notify": notify}


def events_of(service: str) -> tuple[type[Event], ...]:
    """The events said by one service, in the order of its module."""
    return tuple(
        cls
        for _, cls in inspect.getmembers(SPEAKERS[service], inspect.isclass)
        if issubclass(cls, Event) and cls not in (Event, PatientEvent, SiteEvent)
    )


def all_events() -> dict[str, type[Event]]:
    """Wire type to class, for every event that anybody says."""
    return {cls.type(): cls for service in SPEAKERS for cls in events_of(service)}
