"""What a CI system tells a run, and what the run tells the CI system."""
