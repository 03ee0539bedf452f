"""Where a finding is, as CI platforms want it: a path from the root of the repository, a line, an address."""

from __future__ import annotations

import functools
import os
import posixpath
from urllib.parse import quote

from ftdata.report.escape import escape
from ftdata.types import Location

STANDARD_INPUT = "<stdin>"
# Longer than any path of Linux (PATH_MAX 4,096 bytes) or Windows; a name from elsewhere is cut.
MOST_PATH = 4096


class Places:
    """Paths of one report, told from ``root``, the root of the repository (the current folder where it is None)."""

    def __init__(self, root: str | None = None) -> None:
        self.root = os.path.abspath(root or os.curdir)
        self.path = functools.lru_cache(maxsize=4096)(self._path)

    def _path(self, path: str) -> str:
        """Return the path from the root with forward slashes, symbolic links resolved; one outside stays as it was given.

        A link whose end lies outside of the repository stands for itself. The text is raw: escape it for the surface.
        """
        if path == STANDARD_INPUT or len(path) > MOST_PATH:
            return path.strip("<>")[:MOST_PATH]
        try:
            real = os.path.realpath(path), os.path.realpath(self.root)
        except (OSError, ValueError):  # a name that no file system can hold
            return posixpath.normpath(path)
        for candidate, root in (real, (os.path.abspath(path), self.root)):
            inside = os.path.relpath(candidate, root) if _within(candidate, root) else None
            if inside and inside != os.curdir:
                return inside.replace(os.sep, "/")
        return posixpath.normpath(path.replace(os.sep, "/"))

    def shown(self, path: str) -> str:
        """Return the path on one line, with nothing in it that acts."""
        return escape(self.path(path))

    def uri(self, path: str) -> str:
        """Return the path as a relative URI reference: no scheme, no host, no query.

        Paths above the root keep their "..", absolute ones become a file URI.
        """
        plain = self.path(path)
        try:
            quoted = quote(plain, safe="/", errors="surrogateescape")
        except UnicodeEncodeError:
            quoted = quote(plain, safe="/", errors="surrogatepass")
        if quoted.startswith("/"):
            return "file:///" + quoted.lstrip("/")
        return quoted or "."


def _within(path: str, root: str) -> bool:
    return path.startswith(root if root.endswith(os.sep) else root + os.sep)


def named(place: Location, places: Places) -> str:
    """Name a place for people: path:line, or path and row where the container has no lines."""
    where = places.shown(place.path)
    if place.line is not None:
        return f"{where}:{place.line}"
    return where + (f" row {place.row:,}" if place.row is not None else "")


def cut(text: str, most: int) -> str:
    """Return at most ``most`` characters of a text, the last one an ellipsis where something is left out."""
    return text if len(text) <= most else text[: most - 1] + "…"


def line(text: str, most: int) -> str:
    """Return at most ``most`` characters of a text on one line, with everything in it that acts made visible."""
    return cut(escape(cut(text, most)), most)
