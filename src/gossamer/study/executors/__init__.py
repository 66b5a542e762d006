"""Where runs are done: in processes on this machine, or on a Ray cluster."""
