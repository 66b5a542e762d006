"""Training that goes on from an earlier network."""
