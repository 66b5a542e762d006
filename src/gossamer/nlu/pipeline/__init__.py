"""The pipeline: its components, what passes between them, checks, storage."""
