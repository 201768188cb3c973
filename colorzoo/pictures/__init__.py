"""Files, PIL pictures and arrays to :class:`~colorzoo.pictures.picture.Picture` and back."""
