"""Training: one explicit loop over photos, from a TOML file to a model folder."""
