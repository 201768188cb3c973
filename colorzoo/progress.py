"""How long work tells how far it is: one callable, the same everywhere.

The library neither prints nor draws; whoever wants to see progress gives ``on_progress``. It is
called in the main process alone, after each step of the work: first with what is done already,
so that work that goes on from earlier is not taken for fast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

OnProgress = Callable[[int, int | None, Mapping[str, float]], None]
"""Takes the steps done, the steps in all or None where nobody knows, and the latest numbers by
name, such as ``{"generator": 0.31}``; there may be none."""
