"""A model on this disk: its format, its weights and what is known of it."""
