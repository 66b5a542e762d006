"""What an assistant can do: actions, forms, responses, an action server."""
