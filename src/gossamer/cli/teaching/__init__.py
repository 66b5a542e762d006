"""Teaching from the terminal: what `gossamer interactive` and `gossamer inbox` share."""
