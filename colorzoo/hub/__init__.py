"""Model folders: what a name means, and how weights are loaded, saved and fetched."""
