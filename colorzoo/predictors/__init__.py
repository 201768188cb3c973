"""What gives colours for lightness, one kind a file."""
