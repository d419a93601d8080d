"""Screening instruments as data: versioned definitions, and the pure scoring of what was answered."""

from contracts.instruments.answers import BadAnswers, Problem
from contracts.instruments.definition import Instrument, adjusted
from contracts.instruments.library import UnknownInstrument, canonical, find, names, versions
from contracts.instruments.scoring import Scored, score

__all__ = [
    "BadAnswers",
    "Instrument",
    "Problem",
    "Scored",
    "UnknownInstrument",
    "adjusted",
    "canonical",
    "find",
    "names",
    "score",
    "versions",
]
