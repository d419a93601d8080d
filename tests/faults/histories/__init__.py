"""Short histories of the toy service under seeded faults, in the real code against the real servers.

Every await of the write, relay and read paths goes through a Postgres connection or the `Bus`. Here both are
subclassed, so that a seeded script decides at which of them a simulated process crashes, hangs, loses its
answer or does it twice. After each history everything is checked with SQL and a reader of the stream that
share nothing with the code under test.

The same seed gives the same commands and the same schedule of faults ("the third COMMIT of a reader is
lost"). How the tasks interleave is up to the servers and the machine, so a rare failure may need its seed
repeated.
"""
