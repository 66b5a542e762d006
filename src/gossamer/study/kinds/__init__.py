"""The studies: which runs each makes, and what its rows show."""
