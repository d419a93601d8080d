"""The benchmarks: what Handrail's machinery costs beside what its parts could do at best."""
