"""Conversation to next action: events, trackers, states, policies, and a runtime that talks."""
