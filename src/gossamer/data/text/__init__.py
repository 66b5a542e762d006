"""Files, search, YAML, regular expressions: text work that knows nothing of Rasa."""
