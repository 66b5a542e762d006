"""Text to meaning: tokenizers, featurizers, DIET, synonyms, fallback, and their pipeline."""
