"""Libraries that know languages, and what they make of texts."""
