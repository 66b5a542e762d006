"""Components that cut texts into tokens."""
