"""The redaction gate."""
