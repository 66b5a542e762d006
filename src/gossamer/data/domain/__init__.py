"""The domain: intents, slots, responses, and how they are read and checked."""
