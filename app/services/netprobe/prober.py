"""Runs what is asked: within limits, once for all who ask the same at the same time, and on record."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar, cast

from app.services.netprobe.cache import Answer, Cache
from app.services.netprobe.limits import LimitError
from app.services.netprobe.settings import NetprobeSettings

if TYPE_CHECKING:
    from app.services.netprobe.models import Question, Result

    R = TypeVar("R", bound=Result)

_LOG = logging.getLogger(__name__)


class Prober:
    """Runs probes as the settings allow; one for the whole instance."""

    def __init__(self, settings: NetprobeSettings) -> None:
        self._limits = settings.limits()
        self._cache: Cache[Any] = Cache(settings.cache_seconds, keep=_is_about_the_target)
        self.guard = settings.guard(self._limits)

    async def probe(self, request: Question[R], client: str) -> Answer[R]:
        """Return what a probe found out, or what the same one found out a few seconds ago.

        Raises:
            LimitError: The client, the target or this instance has had enough for now.
        """
        return cast("Answer[R]", await self._cache.get(request.key, lambda: self._run(request, client)))

    async def _run(self, request: Question[R], client: str) -> R:
        from app.services.netprobe.probes import run  # noqa: PLC0415 a cold start answers without it

        target = request.blank()
        record = {"client": client, "probe": request.kind, "host": target.host}
        try:
            async with self._limits.admit(client, target.host, getattr(request, "count", 1)):
                result = await run(request, self.guard)
        except LimitError as error:
            _LOG.info("Probe refused", extra={"fields": {**record, "reason": str(error)}})
            raise
        outcome = {"address": result.address, "error": result.error and result.error.kind, "ms": result.elapsed_ms}
        _LOG.info("Probe run", extra={"fields": {**record, **outcome}})
        return result


def _is_about_the_target(result: Result) -> bool:
    return result.error is None or result.error.failure_source != "us"
