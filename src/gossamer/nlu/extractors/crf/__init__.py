"""Entities by a conditional random field over written features of the tokens."""
