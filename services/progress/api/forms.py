"""Values that several forms share."""

from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_=<>-]{1,32}$")]
Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2200, 1, 1))]
Time = Annotated[
    AwareDatetime,
    Field(ge=datetime(1900, 1, 1, tzinfo=UTC), le=datetime(2200, 1, 1, tzinfo=UTC)),
    AfterValidator(lambda at: at.astimezone(UTC)),
]
Answered = Annotated[
    int | None,
    Field(ge=-1_000_000, le=1_000_000, description="A legal value of the item; null where it was not asked."),
]
Reason = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="A short code, such as not_ready.")
]
