"""Tests of Grafana-managed alerting: its evidence, and check 8 with it."""
