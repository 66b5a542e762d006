"""How requests share the machine: parsed together, one conversation in order, never too many."""
