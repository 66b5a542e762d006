"""Stories and rules: typed steps, readers, writers, checks."""
