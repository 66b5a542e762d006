"""The formats of NLU data, a reader and a writer each."""
