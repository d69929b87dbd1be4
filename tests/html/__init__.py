"""The report that people open: rendered in a real browser, searched for secrets, and looked at by the tests."""
