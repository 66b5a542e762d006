"""A conversation going on: a message comes in, actions follow."""
