"""Tests of steps 4.3 and 4.4: PagerDuty and Slack take alerts."""
