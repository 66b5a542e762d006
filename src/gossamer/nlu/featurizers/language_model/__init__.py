"""Features of a pretrained language model: what `LanguageModelFeaturizer` is made of."""
