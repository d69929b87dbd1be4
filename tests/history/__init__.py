"""Tests of the history: the file, the series of sizes, and the trend."""
