"""Forgeries: examples, the search for the smallest one that gets in, and timing."""
