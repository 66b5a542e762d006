"""What was taught, at the end, and training with it."""
