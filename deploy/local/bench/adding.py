"""What the tally of the benchmarks hears; said by nobody's relay, so that reading is measured alone."""

from contracts.event import PatientEvent
from contracts.vocabulary import Count, ShortText


class Added(PatientEvent):
    """Something was added to a tally."""

    amount: Count
    note: ShortText
