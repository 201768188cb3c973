"""What may be done with weights under a licence, as far as its name says it."""

from __future__ import annotations

from typing import Final

COMMERCIAL_OK: Final = "commercial-ok"
"""What :func:`colorzoo.list_models` takes for every licence that allows commercial use."""

# SPDX identifiers in lower case. Each asks for something, naming the authors at least; what a
# licence asks for is said by its text alone.
_ALLOWING = frozenset(
    {
        "0bsd",
        "apache-2.0",
        "bsd-2-clause",
        "bsd-3-clause",
        "cc-by-3.0",
        "cc-by-4.0",
        "cc-by-sa-3.0",
        "cc-by-sa-4.0",
        "cc0-1.0",
        "isc",
        "mit",
        "mpl-2.0",
        "unlicense",
    }
)


def allows_commercial_use(license: str | None) -> bool | None:
    """Tell whether a licence allows commercial use.

    Args:
        license: SPDX identifier, in upper or lower case.

    Returns:
        None where its name does not say it, or there is none: read its text.
    """
    if license is None:
        return None
    name = license.lower()
    if name in _ALLOWING:
        return True
    return False if name.startswith("cc-by-nc-") else None


def is_under(license: str | None, wanted: str | None) -> bool:
    """Tell whether a licence is the one that is wanted, which may be ``"commercial-ok"`` or any."""
    if wanted == COMMERCIAL_OK:
        return allows_commercial_use(license) is True
    return wanted is None or (license or "").lower() == wanted.lower()


def describe_commercial_use(license: str | None) -> str:
    """Return for a table whether a licence allows commercial use."""
    return {True: "yes", False: "no", None: "read it"}[allows_commercial_use(license)]
