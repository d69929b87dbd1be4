"""What must be true of a deployment: one module per cadence or phase, one test per checklist item."""
