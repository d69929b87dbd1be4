"""Who is told of a verdict: Slack, and a heartbeat service."""
