"""Tests of check 11: faulty and healthy circuit breakers."""
