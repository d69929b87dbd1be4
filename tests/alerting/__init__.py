"""Tests of alerts: their rules, their way to a receiver, and the test alert."""
