"""DIET: one transformer for intents and entities."""
