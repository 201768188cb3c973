"""The picture that a colorizer returns: a PIL picture that saves itself well."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any

from PIL import Image

from colorzoo.pictures.formats import WRITERS
from colorzoo.pictures.write import write


class FinishedPicture(Image.Image):
    """A PIL picture whose own ``save`` keeps EXIF and colour profile, at good quality.

    Pillow's methods that make a new picture of it, such as ``resize``, return ordinary ones.
    """

    @classmethod
    def of(cls, image: Image.Image) -> FinishedPicture:
        """Make one of a picture that nobody else holds."""
        # Pillow has no public way to make a subclass of an existing picture; both are plain
        # Python classes, and this one adds no attribute.
        image.__class__ = cls
        return image  # type: ignore[return-value]  # it is one now

    def save(
        self,
        fp: str | bytes | os.PathLike[str] | os.PathLike[bytes] | IO[bytes],
        format: str | None = None,
        **params: Any,
    ) -> None:
        """Save it; what is not said is as :func:`colorzoo.pictures.write.write` does it.

        Args:
            fp: A path or a file object, as for Pillow.
            format: Pillow's name of the format; told by the suffix if left out.
            params: What Pillow is told; ``exif=b""`` leaves EXIF out, ``quality=80`` is smaller.

        Raises:
            PictureError: It is saved to a path whose suffix tells the format, with nothing else
                said, and that cannot be done.
        """
        suffix = "" if hasattr(fp, "write") else Path(os.fsdecode(fp)).suffix.lower()
        if suffix in WRITERS and format is None and not params:
            write(self, os.fsdecode(fp))  # type: ignore[arg-type]  # a path, as it has a suffix
            return
        if format is None:
            writer = WRITERS.get(suffix)
        else:
            known = (writer for writer in WRITERS.values() if writer.name == format.upper())
            writer = next(known, None)
        if writer is not None:
            kept = {key: self.info[key] for key in writer.carried if key in self.info}
            params = {**writer.options, **kept, **params}
        super().save(fp, format, **params)
