"""Serve an assistant over HTTP: `gossamer run`, or `serve` from Python; extra `gossamer[serve]`."""
