"""Smart-contract analyzer: holds Solidity against known weaknesses, and asks a language model where there is a key."""

from __future__ import annotations

from collections.abc import Mapping

from app.core.service import Service
from app.services.contracts.analyzer import Analyzer
from app.services.contracts.consumers import consumers
from app.services.contracts.router import router


def create(environ: Mapping[str, str]) -> Service:
    """Return the analyzer for an environment; raises `SettingsError` when a setting is wrong."""
    analyzer = Analyzer(environ)
    return Service(router=router(analyzer), lifespan=analyzer.opened, consumers=consumers(analyzer))
