"""Features from word vectors that were learnt elsewhere."""
