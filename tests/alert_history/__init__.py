"""The history of the alerts."""
