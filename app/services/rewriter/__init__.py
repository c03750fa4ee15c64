"""Contract rewriter: writes Solidity as it would be written today, with the help of a model where there is a key."""

from __future__ import annotations

from collections.abc import Mapping

from app.core.service import Service
from app.services.rewriter.rewriter import Rewriter
from app.services.rewriter.router import router


def create(environ: Mapping[str, str]) -> Service:
    """Return the rewriter for an environment; raises `SettingsError` when a setting is wrong."""
    rewriter = Rewriter(environ)
    return Service(router=router(rewriter), lifespan=rewriter.opened, consumers={"jobs": rewriter.do_job})
