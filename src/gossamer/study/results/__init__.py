"""Rows of results: kept, checked, traced to where they came from."""
