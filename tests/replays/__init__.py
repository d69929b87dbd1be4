"""Recorded evidence of healthy and faulty deployments, and the verdicts that every version of the suite gives it."""
