"""A second opinion on an episode of care: what the rules on paper say of every step of a life."""
