"""The curriculum: what a person has taken in, what is left, and what begins again."""

from contracts.decisions import Moment
from contracts.progress import CurriculumCompleted, CurriculumReopened
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts, about


def review_curriculum(state: Episode, moment: Moment) -> Facts:
    """Once every part has had its sessions, the curriculum is complete; that is said once."""
    known = moment.rules.curricula.get(state.curriculum or "")
    if known is None or state.curriculum is None or state.curriculum_completed or state.over:
        return []
    if any(state.covered.get(part, 0) < sessions for part, sessions in known.parts.items()):
        return []
    sessions = sum(state.covered[part] for part in known.parts)
    return [CurriculumCompleted(**about(state, moment.actor), curriculum=state.curriculum, sessions=sessions)]


def reopen(state: Episode, part: str, reason: str, moment: Moment) -> Facts:
    """A part begins again from nothing, where the person's curriculum has it."""
    known = moment.rules.curricula.get(state.curriculum or "")
    if known is None or state.curriculum is None or part not in known.parts:
        return []
    return [
        CurriculumReopened(
            **about(state, moment.actor), curriculum=state.curriculum, part=part, reason=reason
        )
    ]
