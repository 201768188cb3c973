"""An architecture for colorzoo in a package of its own."""
