"""The shared runtime: transactions, lanes, wakes, transport, edge. Knows no clinical word."""
