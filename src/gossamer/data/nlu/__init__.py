"""NLU training data: typed examples, reading, writing, checks."""
