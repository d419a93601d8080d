"""Finding weeks: the best one for a person, a place for a newcomer, the whole week of a site. Pure."""
