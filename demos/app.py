"""The page: grey photographs in, coloured ones out. ``colorzoo demo`` and the Space run it."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

try:  # only on a Space with ZeroGPU, where it must come before torch
    import spaces
except ImportError:
    spaces = None

import gradio as gr
from page import Page
from studio import MAX_BYTES, Desk, Studio

HERE = Path(__file__).parent
QUEUE = 32
"""Requests that wait at most; further ones are refused."""


def launch(
    names: Sequence[str] = (),
    *,
    host: str | None = None,
    port: int | None = None,
    device: str = "auto",
    open_browser: bool = False,
    on_ready: Callable[[str], None] = print,
) -> None:
    """Serve the page until SIGINT or SIGTERM; then nothing of any visitor is left on disk.

    Args:
        names: Models: names of the zoo, or folders; the whole zoo if empty.
        host: Address to listen on; this machine only if left out.
        port: Port to listen on; the first free one from 7860 if left out.
        device: As for ``colorzoo.load``.
        open_browser: Open the page in a browser.
        on_ready: Called with the page's address.

    Raises:
        colorzoo.ColorzooError: There is no model, or the first one cannot be loaded.
        OSError: The port is taken.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with tempfile.TemporaryDirectory(prefix="colorzoo-demo-") as name:
        folder = Path(name).resolve()
        os.environ["GRADIO_TEMP_DIR"] = str(folder)  # read by each component when it is made
        desk = Desk(folder)
        studio = Studio(names, desk, device=device)
        if spaces is not None:
            studio.render = spaces.GPU(studio.render)
            for label in studio.labels:  # what is on the GPU before the first call stays there
                studio.colorizer(label)
        page = Page(studio).build()
        desk.keep_what_is_there()
        page.queue(max_size=QUEUE)
        _, address, _ = page.launch(
            server_name=host,
            server_port=port,
            inbrowser=open_browser,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            ssr_mode=False,
            run_history=False,
            mcp_server=False,
            enable_monitoring=False,
            max_file_size=MAX_BYTES,
            footer_links=["api"],
            theme=_theme(),
            css_paths=HERE / "style.css",
        )
        on_ready(address)
        while not stop.wait(60):
            desk.sweep()
        page.close(verbose=False)


def _theme() -> gr.themes.Base:
    """Return a theme with the visitor's own fonts: the page fetches nothing from elsewhere."""
    families = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
    mono = ("ui-monospace", "Consolas", "monospace")
    return gr.themes.Default(
        primary_hue="indigo",
        font=[gr.themes.Font(name) for name in families],
        font_mono=[gr.themes.Font(name) for name in mono],
    )


if __name__ == "__main__":
    launch()
