"""Projects of Rasa 1 and 2, written as projects of Rasa 3."""
