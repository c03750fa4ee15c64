"""NetProbe: tells whether a host can be reached from here, and where the time goes."""

from app.services.netprobe.router import router

__all__ = ["router"]
