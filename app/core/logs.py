"""Log records on standard error, from the level that the settings name."""

from __future__ import annotations

import logging

from app.core.settings import Settings


def configure(settings: Settings) -> None:
    """Set the process's logging up; an entry does this once. Lambda's own handler stays where it is."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger().setLevel(settings.log_level)
