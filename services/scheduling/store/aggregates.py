"""What is kept as one: its state, how facts fold into it, and its private facts."""

from services.chassis.service import Aggregate
from services.scheduling.domain import calendar, clinicians, folding, groups, links, plans, sessions, sites

SITES = Aggregate("sites", sites.Site, sites.evolve_site)
CLINICIANS = Aggregate(
    "clinicians",
    clinicians.Clinician,
    clinicians.evolve_clinician,
    facts=(clinicians.IndividualsSubstituted,),
)
GROUPS = Aggregate("groups", groups.Group, groups.evolve_group, facts=(groups.SessionsPlanned,))
SESSIONS = Aggregate(
    "sessions",
    sessions.Session,
    sessions.evolve,
    facts=sessions.PRIVATE,
)
CALENDARS = Aggregate("calendars", calendar.Calendar, folding.evolve, facts=calendar.PRIVATE)
LINKS = Aggregate("calendar_links", links.Link, links.evolve, facts=(links.LinkMade, links.LinkRevoked))
PLANS = Aggregate("plans", plans.Plan, plans.evolve, facts=plans.PRIVATE)
