"""A visitor of the page: what a person does in a browser, and what they wait for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import PATIENCE, faults_of
from demo_server import Server

playwright = pytest.importorskip("playwright.sync_api", reason="it is in the extra 'dev'")


class Visitor:
    """One person with one open page; whatever it asks other hosts for is noted."""

    def __init__(self, browser: playwright.Browser, server: Server, **context: object) -> None:
        self.context = browser.new_context(**context)
        self.context.set_default_timeout(PATIENCE)
        self.elsewhere: list[str] = []
        self.faults: list[str] = []
        self.page = self.context.new_page()
        self.page.on("request", self._note)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self._home = server.url
        self.page.goto(server.url)
        self.page.get_by_role("tab", name="Picture").wait_for()

    def _note(self, request: playwright.Request) -> None:
        if not request.url.startswith((self._home, "data:", "blob:")):
            self.elsewhere.append(request.url)

    @property
    def panel(self) -> playwright.Locator:
        return self.page.locator("[role=tabpanel]:visible")

    def give(self, *files: Path) -> None:
        self.panel.locator("input[type=file]").first.set_input_files(list(files))

    def wait_for_note(self, text: str) -> None:
        playwright.expect(self.panel).to_contain_text(text, timeout=PATIENCE)

    @contextlib.contextmanager
    def new_result(self, place: str = "#result") -> Iterator[None]:
        """Wait for what is done inside to change the coloured picture."""
        after = self.page.locator(f"{place} img").last
        old = after.get_attribute("src")
        yield
        playwright.expect(after).not_to_have_attribute("src", old, timeout=PATIENCE)

    def download(self, button: str) -> bytes:
        with self.page.expect_download() as caught:
            self.panel.get_by_role("button", name=button, exact=True).click()
        return Path(caught.value.path()).read_bytes()

    def start_over(self) -> None:
        self.panel.get_by_role("button", name="Another picture").click()
        self.panel.locator(":is(#upload, #canvas-upload) input").wait_for(state="attached")

    def message(self) -> str:
        """What the page tells in front of all else."""
        toast = self.page.get_by_test_id("toast-body").first
        toast.wait_for()
        return str(toast.inner_text())

    def look_for_faults(self, *rules: str) -> list[str]:
        return faults_of(self.page, *rules)

    def leave(self) -> None:
        self.context.close()
