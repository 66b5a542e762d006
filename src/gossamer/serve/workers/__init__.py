"""Several server processes behind one port: a parent that watches them, and what they tell."""
