"""Slack and the heartbeat."""
