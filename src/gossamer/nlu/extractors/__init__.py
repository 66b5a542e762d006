"""Components that find entities, or replace their values."""
