"""Components, policies and actions of the user's own: found, imported, watched."""
