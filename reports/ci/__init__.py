"""CI systems: facts about the current run, and output for GitHub Actions."""
