"""How good a dialogue model is: test stories followed, compared, reported."""
