"""Studies: many small trainings, one row each, and what they show together."""
