"""The HTTP of intake: referrals in every form, each step towards admission, and the desk."""

from fastapi import APIRouter

from services.chassis.http import PROBLEMS
from services.intake.api import desk, payers, referrals, safety, seats, steps

routes = APIRouter(tags=["intake"], responses=PROBLEMS)
for _part in (referrals, steps, safety, payers, seats, desk):
    routes.include_router(_part.routes)

__all__ = ["routes"]
