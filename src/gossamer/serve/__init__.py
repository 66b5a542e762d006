"""The server: an assistant over HTTP, with its conversations in a database."""
