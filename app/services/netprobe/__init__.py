"""NetProbe: tells whether a host can be reached from here, and where the time goes."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter

from app.core.service import Service
from app.services.netprobe import page
from app.services.netprobe.router import router


def create(environ: Mapping[str, str]) -> Service:
    """Return NetProbe for an environment; raises `SettingsError` when a setting is wrong."""
    routes = APIRouter(routes=router(environ).routes)
    page.add_page(routes)
    return Service(router=routes, keyless=page.PATHS)
