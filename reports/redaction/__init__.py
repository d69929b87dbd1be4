"""The gate that keeps secrets and personal data from everything that is written."""
