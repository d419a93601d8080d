"""The machine recommends: when the facts speak for less or for more treatment. A clinician decides."""

from services.progress.domain.recommend.criteria import step_down_criteria
from services.progress.domain.recommend.down import review_again, review_step_down, waits
from services.progress.domain.recommend.follow_up import REVIEWED_ON, following
from services.progress.domain.recommend.ladder import Rung, height, rung_down, rung_up
from services.progress.domain.recommend.table import (
    close_all,
    expire_recommendation,
    recommend_down,
    recommend_up,
)
from services.progress.domain.recommend.up import (
    may_readmit,
    review_attendance,
    review_deterioration,
    review_relapse,
    review_safety,
    review_withdrawal,
    step_up_for,
)

__all__ = [
    "REVIEWED_ON",
    "Rung",
    "close_all",
    "expire_recommendation",
    "following",
    "height",
    "may_readmit",
    "recommend_down",
    "recommend_up",
    "review_again",
    "review_attendance",
    "review_deterioration",
    "review_relapse",
    "review_safety",
    "review_step_down",
    "review_withdrawal",
    "rung_down",
    "rung_up",
    "step_down_criteria",
    "step_up_for",
    "waits",
]
