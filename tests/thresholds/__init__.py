"""Tests of the replayed thresholds: the values, when an alert fires, what is proposed, and the option."""
