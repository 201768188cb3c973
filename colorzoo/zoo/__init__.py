"""What the zoo holds and says of itself."""
