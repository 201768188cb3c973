"""Ways to colour that have no weights, one a file; each shows up in the registry by its file."""
