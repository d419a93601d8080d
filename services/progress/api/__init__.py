"""The HTTP of progress: plans, measures, decisions, aftercare and discharge."""

from fastapi import APIRouter

from services.chassis.http import PROBLEMS
from services.progress.api import (
    aftercare,
    course,
    decisions,
    episodes,
    measures,
    plans,
    records,
    relapse,
    timeline,
    views,
)

routes = APIRouter(tags=["progress"], responses=PROBLEMS)
for _part in (episodes, views, timeline, plans, measures, records, relapse, decisions, course, aftercare):
    routes.include_router(_part.routes)

__all__ = ["routes"]
