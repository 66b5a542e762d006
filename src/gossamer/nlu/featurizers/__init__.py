"""Components that give tokens and texts their features."""
