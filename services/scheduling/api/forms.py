"""What the forms of scheduling share."""

from datetime import date
from typing import Annotated

from pydantic import Field

Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2200, 1, 1))]
LevelCode = Annotated[str, Field(pattern=r"^[0-9](\.[0-9])?$")]

PLANNERS = ("scheduler", "director", "operator")
"""Who may change what a site offers."""
