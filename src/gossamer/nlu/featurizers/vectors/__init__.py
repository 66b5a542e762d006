"""Dense features from word vectors that were learnt elsewhere."""
