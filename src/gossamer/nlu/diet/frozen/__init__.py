"""DIET's network that answers, without PyTorch."""
