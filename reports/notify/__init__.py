"""Notifications of a verdict: Slack, and a heartbeat service."""
