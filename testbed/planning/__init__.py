"""Looking ahead: decisions tried in the twin, on futures that nobody knows yet."""
