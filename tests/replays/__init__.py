"""Recorded evidence of healthy and faulty deployments, and the verdicts that it must get."""
