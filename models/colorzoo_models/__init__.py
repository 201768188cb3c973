"""Models of colorzoo that its own package does not carry: one folder each."""
