"""The HTTP of scheduling: places, the agreed week, sessions, calendar feeds."""

from fastapi import APIRouter

from services.chassis.http import PROBLEMS
from services.scheduling.api import (
    bookings,
    clinicians,
    feeds,
    groups,
    outlook,
    places,
    plans,
    proposals,
    sessions,
    weeks,
)

routes = APIRouter(tags=["scheduling"], responses=PROBLEMS)
for _part in (places, clinicians, groups, weeks, proposals, outlook, plans, sessions, bookings, feeds):
    routes.include_router(_part.routes)

__all__ = ["routes"]
