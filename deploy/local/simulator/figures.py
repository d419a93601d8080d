"""What a table of figures may hold: numbers with their source, distributions, and shares of a whole."""

import math
from random import Random
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Figures(BaseModel):
    """A table of figures with the source they were taken from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cite: str = ""
    assumption: bool = False


class Spread(BaseModel):
    """A distribution cut to a range."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["lognormal", "truncnormal"]
    sigma: float
    min: float
    max: float
    median: float = 0.0
    mean: float = 0.0

    def draw(self, rng: Random) -> float:
        """One value inside the range."""
        if self.kind == "lognormal":
            return min(max(self.median * math.exp(rng.gauss(0.0, self.sigma)), self.min), self.max)
        while True:
            value = rng.gauss(self.mean, self.sigma)
            if self.min <= value <= self.max:
                return value


class Shares(BaseModel):
    """Named shares of a whole."""

    model_config = ConfigDict(frozen=True, extra="allow")

    cite: str = ""
    assumption: bool = False

    @property
    def table(self) -> dict[str, float]:
        return {name: float(value) for name, value in (self.__pydantic_extra__ or {}).items()}

    def draw(self, rng: Random) -> str:
        """One name, as often as its share says."""
        return pick(rng, self.table)


def pick(rng: Random, shares: dict[str, float]) -> str:
    """One key, as often as its share says."""
    left = rng.random() * sum(shares.values())
    for name, share in shares.items():
        left -= share
        if left < 0:
            return name
    return next(reversed(shares))
