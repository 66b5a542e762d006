"""Components that choose a response."""
