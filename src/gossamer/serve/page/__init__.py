"""The page at `/`: talk with the assistant, and see what it understood and why it answered."""
