"""Values that several forms share."""

from datetime import date
from typing import Annotated

from pydantic import Field

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_=<>-]{1,32}$")]
Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2200, 1, 1))]
Reason = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="A short code, such as not_ready.")
]
