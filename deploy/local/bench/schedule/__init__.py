"""The benchmark of the weekly plan: planted weeks, a checker of its own, and what calendar tools would do."""
