"""Gossamer: light dialogue understanding with randomly connected layers."""

__version__ = "0.1.0.dev0"
