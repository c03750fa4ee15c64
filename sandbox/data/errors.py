"""What goes wrong with data services, in words for people."""

from __future__ import annotations


class DataError(Exception):
    """A data service cannot do what was asked; the message says why and what to do."""
