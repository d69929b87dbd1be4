"""Tests of the test alert (step 4.5), against the real Alertmanager where this machine has it."""
