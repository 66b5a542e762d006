"""The former place of `gossamer.dialogue.policies.ted`."""
