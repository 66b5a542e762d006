"""Training and testing over HTTP, each in a process of its own; `python -m` runs that process."""
