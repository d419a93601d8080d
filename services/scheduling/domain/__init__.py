"""What scheduling knows and decides, free of clocks, databases and networks."""
