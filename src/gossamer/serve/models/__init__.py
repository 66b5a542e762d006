"""The model that answers now."""
