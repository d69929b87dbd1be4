"""Redaction of secrets and personal data in everything that the suite writes."""
