"""The training loop of DIET, TED and response selectors, and its optimisers."""
