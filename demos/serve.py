"""The page: grey photographs in, coloured ones out. ``colorzoo demo`` and the Space run it."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

try:  # only on a Space with ZeroGPU, where it must come before torch
    import spaces  # type: ignore[import-not-found]  # it is nowhere else
except ImportError:
    spaces = None

import gradio as gr
from starlette.middleware import Middleware

from colorzoo import ConfigError

from .admission import MAX_BYTES, QueueLimit, upload_route
from .backend import DemoBackend
from .models import ON_DEVICE
from .page import Page
from .visitor_files import VisitorFiles


def launch(
    names: Sequence[str] = (),
    *,
    host: str | None = None,
    port: int | None = None,
    device: str = "auto",
    dtype: str | None = None,
    open_browser: bool = False,
    on_ready: Callable[[str], None] = print,
) -> None:
    """Serve the page until SIGINT or SIGTERM; then nothing of any visitor is left on disk.

    Args:
        names: Models: names of the zoo, or folders; the whole zoo if empty.
        host: Address to listen on; this machine only if left out.
        port: Port to listen on; the first free one from 7860 if left out.
        device: As for ``colorzoo.load``.
        dtype: As for ``colorzoo.load``.
        open_browser: Open the page in a browser.
        on_ready: Called with the page's address.

    Raises:
        colorzoo.ColorzooError: There is no model, the first one cannot be loaded, or the page
            cannot listen there.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with tempfile.TemporaryDirectory(prefix="colorzoo-demo-") as name:
        folder = Path(name).resolve()
        os.environ["GRADIO_TEMP_DIR"] = str(folder)  # read by each component when it is made
        files = VisitorFiles(folder)
        backend = DemoBackend(names, files, device=device, dtype=dtype)
        if spaces is not None:
            for name in ON_DEVICE:
                setattr(backend, name, spaces.GPU(getattr(backend, name)))
            for label in backend.labels:  # what is on the GPU before the first call stays there
                backend.colorizer(label)
        # A film is worked on in threads of its own, which ZeroGPU's hold of the GPU does not reach.
        page = Page(backend, films=spaces is None).build()
        files.keep_what_is_there()
        address = _listen(page, backend, host=host, port=port, open_browser=open_browser)
        warming = threading.Thread(target=_warm_up, args=(backend,))
        if spaces is None:  # there, the GPU is lent for what visitors ask alone
            warming.start()
        on_ready(address)
        while not stop.wait(60):
            files.sweep()
        page.close(verbose=False)
        if spaces is None:
            warming.join()


def _warm_up(backend: DemoBackend) -> None:
    """Do what is slow only once, so that the first visitor need not wait for it."""
    with contextlib.suppress(ImportError):  # gradio's first event imports it where it is there
        importlib.import_module("matplotlib.pyplot")
    backend.warm_up()


def _listen(
    page: gr.Blocks, backend: DemoBackend, *, host: str | None, port: int | None, open_browser: bool
) -> str:
    """Start the server and return its address."""
    page.queue()  # bounded by QueueLimit
    limit = Middleware(QueueLimit, lambda: len(page._queue), lambda: backend.seconds)
    here = Path(__file__).parent
    style, script = ((here / name).read_text(encoding="utf-8") for name in ("style.css", "page.js"))
    try:
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
            css=style,
            js=script,
            app_kwargs={"routes": [upload_route(backend.files)], "middleware": [limit]},
        )
    except OSError as error:
        raise ConfigError(
            f"The page cannot be served on {host or 'this machine'}, port "
            f"{port or 'any from 7860'}: {error} Give another --host or --port."
        ) from error
    return str(address)


def _theme() -> gr.themes.Base:
    """Return a theme with the visitor's own fonts: the page fetches nothing from elsewhere."""
    families = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
    mono = ("ui-monospace", "Consolas", "monospace")
    theme = gr.themes.Default(
        primary_hue="indigo",
        font=[gr.themes.Font(name) for name in families],
        font_mono=[gr.themes.Font(name) for name in mono],
    )
    return theme.set(  # gradio's own are too pale to read
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
    )
