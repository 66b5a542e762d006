"""Channels: the ways by which messages come in and answers go out."""

from gossamer.serve.channels.channel import Channel, message_json

__all__ = ["Channel", "message_json"]
