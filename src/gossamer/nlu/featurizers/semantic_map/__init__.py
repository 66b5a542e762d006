"""Features of words from a semantic map: a picture of a corpus on which like words lie together."""
