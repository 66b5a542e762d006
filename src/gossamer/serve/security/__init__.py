"""What keeps a server safe: who may ask, how much, how often, and for how long."""
