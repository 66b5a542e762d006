"""Studies: many small models trained and tested, a row of results for each."""
