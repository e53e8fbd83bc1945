"""A real gateway against the model of it: the same cases on both, and how often they agree."""
