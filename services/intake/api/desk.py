"""The intake queue: what waits, for how long, what to do next, and who has it."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Query

from contracts.decisions import Refused
from contracts.vocabulary import Token
from services.chassis.http import Call, Limit, PageOf
from services.intake import domain, store
from services.intake.api import models, views
from services.intake.api.forms import OwnerBody, StageName
from services.intake.api.views import CARE

routes = APIRouter()

_CURSOR = re.compile(r"([0-9])_([A-Za-z0-9_-]{1,64})", re.ASCII)


@routes.get("/v1/queue")
async def read_queue(
    call: Call,
    site_id: Annotated[Token | None, Query()] = None,
    stage: Annotated[StageName | None, Query()] = None,
    owner: Annotated[Token | None, Query(description="`me`, or somebody's id")] = None,
    unowned: Annotated[bool, Query(description="only what nobody has claimed")] = False,
    cursor: Annotated[str | None, Query(max_length=80)] = None,
    limit: Limit = 50,
) -> PageOf[models.DeskRow]:
    """What waits at the desk: open alerts first, then by urgency, the oldest first."""
    call.require_role(*CARE)
    async with call.reading() as db:
        rows = await store.find_desk(
            db,
            call.who,
            sites=call.who.sites if site_id is None else (site_id,),
            stage=stage,
            owner=call.who.actor.id if owner == "me" else owner,
            unowned=unowned,
            after=_after(cursor),
            limit=limit,
        )
    more = f"{rows[-1]['queue_rank']}_{rows[-1]['id']}" if len(rows) == limit else None
    shown = [views.desk_row(row["state"], call.now, call.rules) for row in rows]
    return PageOf(items=shown, cursor=more)


@routes.post("/v1/referrals/{referral_id}/claim", **models.TAKEN)
async def claim_referral(referral_id: Token, call: Call) -> Any:
    """Look after a referral that nobody has."""
    call.require_role(*CARE)
    return await call.take(domain.ClaimReferral(), on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/owner", **models.TAKEN)
async def hand_over_referral(referral_id: Token, body: OwnerBody, call: Call) -> Any:
    """Hand a referral over to somebody, or back to everybody with null."""
    call.require_role(*CARE)
    return await call.take(domain.HandOver(body.owner), on=referral_id, extra=views.stage_of)


def _after(cursor: str | None) -> tuple[int, str]:
    if cursor is None:
        return -1, ""
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise Refused("invalid", "The cursor is not one of this list.", status=422)
    return int(match[1]), match[2]
