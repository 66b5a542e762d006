"""From stories and rules to the examples that policies learn from."""
