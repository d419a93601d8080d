"""Ten people's stories, told to the running network; each test reads like the story."""
