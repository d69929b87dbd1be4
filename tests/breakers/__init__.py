"""Circuit breakers proven both ways."""
