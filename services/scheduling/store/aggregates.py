"""What is kept as one: its state, how facts fold into it, and its private facts."""

from services.chassis.service import Aggregate
from services.scheduling.domain import calendar, folding, links, places, sessions

SITES = Aggregate("sites", places.Site, places.evolve_site)
GROUPS = Aggregate("groups", places.Group, places.evolve_group, facts=(places.SessionsPlanned,))
SESSIONS = Aggregate(
    "sessions",
    sessions.Session,
    sessions.evolve,
    facts=(sessions.RollCalled, sessions.AbsencesSaid, sessions.RosterCounted),
)
CALENDARS = Aggregate("calendars", calendar.Calendar, folding.evolve, facts=calendar.PRIVATE)
LINKS = Aggregate("calendar_links", links.Link, links.evolve, facts=(links.LinkMade, links.LinkRevoked))
