"""Fault runs: a network lives while processes, disks, links and clocks break, then all is checked."""
