"""Where messages come from: channels, named in `credentials.yml`."""
