"""Components that recognise intents; DIET's is in `gossamer.nlu.diet`."""
