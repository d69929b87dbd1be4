"""The health endpoints of the functions."""
