"""What is let in: uploads while there is room, requests while the queue is not too long."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from gradio.route_utils import API_PREFIX, upload_fn
from gradio.routes import file_upload_statuses
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .visitor_files import RefusedError, VisitorFiles

MAX_BYTES: Final = 30_000_000
"""Of one picture."""

MAX_BATCH_BYTES: Final = 150_000_000
"""Of the pictures that come in at once."""

MAX_WAITING: Final = 100
"""Requests that wait at most; further ones are told when to come back."""

_ENVELOPE: Final = 100_000  # bytes by which an upload is larger than its files
_JOINS: Final = (f"{API_PREFIX}/queue/join", f"{API_PREFIX}/call/")


def upload_route(files: VisitorFiles) -> Route:
    """Return a route that takes uploads in place of gradio's.

    Gradio names a file by its content, so that two visitors with the same picture would share it,
    and bounds single files only.
    """

    async def receive(request: Request) -> Response:
        size = request.headers.get("content-length", "")
        if not size.isdecimal():
            return PlainTextResponse("The upload does not say how long it is.", 411)
        if int(size) > MAX_BATCH_BYTES + _ENVELOPE:
            return PlainTextResponse(
                f"The pictures have {int(size) / 1e6:.0f} MB together; at most "
                f"{MAX_BATCH_BYTES / 1e6:.0f} MB are taken at once.",
                413,
            )
        upload = request.query_params.get("upload_id")
        try:
            with files.receive(int(size)) as folder:
                paths, _, _ = await upload_fn(
                    request,
                    folder,
                    MAX_BYTES,
                    upload,
                    upload_progress=file_upload_statuses if upload else None,
                )
        except RefusedError as error:
            return PlainTextResponse(str(error), 503, {"Retry-After": "60"})
        except MultiPartException as error:
            return PlainTextResponse(error.message, 413 if "size" in error.message else 400)
        return JSONResponse([str(path) for path in paths])

    return Route(f"{API_PREFIX}/upload", receive, methods=["POST"])


class QueueLimit:
    """Middleware that tells those who come when too many wait how many, and when to come back.

    Gradio's own limit says neither. The answer has the form in which gradio's clients, in the
    browser and in Python, show a message to the visitor.

    Args:
        app: What is called otherwise.
        waiting: Tells how many requests wait.
        seconds: Tells how long one takes.
        most: How many may wait.
    """

    def __init__(
        self,
        app: ASGIApp,
        waiting: Callable[[], int],
        seconds: Callable[[], float],
        most: int = MAX_WAITING,
    ) -> None:
        self._app = app
        self._waiting = waiting
        self._seconds = seconds
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that would join the queue, or pass it on."""
        joins = scope["type"] == "http" and scope["method"] == "POST"
        if not joins or not scope["path"].startswith(_JOINS) or self._waiting() < self._most:
            await self._app(scope, receive, send)
            return
        waiting = self._waiting()
        minutes = math.ceil(waiting * self._seconds() / 60)
        message = (
            f"{waiting} pictures wait before yours. Come back in about {minutes} "
            f"minute{'s' * (minutes != 1)}."
        )
        detail = [{"__type__": "validate", "is_valid": False, "message": message}]
        response = JSONResponse({"detail": detail}, 422, {"Retry-After": str(60 * minutes)})
        await response(scope, receive, send)
