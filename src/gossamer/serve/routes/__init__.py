"""The HTTP API, with the paths and the JSON of Rasa's."""
