"""What each tool of the page is: a part of it that lays itself out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import gradio as gr

from .serving import QUIET, Serving


class Tool(ABC):
    """A part of the page in which a visitor gives something and gets something.

    Args:
        serving: What does the work.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    @abstractmethod
    def lay_out(self) -> None:
        """Add the tool to the page."""

    def _claim(self, *uploads: gr.Image | gr.File) -> None:
        """Claim for its visitor what is uploaded, before its turn comes."""
        for upload in uploads:
            upload.upload(self._serving.claim, upload, None, queue=False, **QUIET)

    @staticmethod
    def _empty_on_failure(event: Any, upload: gr.Image) -> None:
        """Take out again what could not be used; the message says why."""
        event.failure(lambda: None, None, upload, queue=False, **QUIET)
