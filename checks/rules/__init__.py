"""The rules that the checks are made of: pure functions over evidence, one module per subject."""
