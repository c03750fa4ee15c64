"""What every entry opens before it works and closes after: secrets, telemetry, metrics, the services themselves."""

from __future__ import annotations

from collections.abc import AsyncGenerator, MutableMapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from typing import Protocol

from app.core import secrets, telemetry
from app.core.service import Mount
from app.core.settings import Settings


class Offered(Protocol):
    """Figures that somebody may read."""

    def offered(self) -> AbstractContextManager[None]:
        """Let them be read."""
        ...


def name_of(mounts: Sequence[Mount]) -> str:
    """Return the name under which figures and traces of these services are kept."""
    return mounts[0].name if len(mounts) == 1 else "modeshift"


@asynccontextmanager
async def running(
    settings: Settings, mounts: Sequence[Mount], figures: Offered | None, environ: MutableMapping[str, str]
) -> AsyncGenerator[None]:
    """Open all that the services need; raises `SecretsError` when a secret cannot be read."""
    secrets.load(environ)
    async with AsyncExitStack() as opened:
        opened.enter_context(telemetry.exported(settings, name_of(mounts), environ))
        if figures is not None:
            opened.enter_context(figures.offered())
        for mount in mounts:
            if mount.service.lifespan is not None:
                await opened.enter_async_context(mount.service.lifespan())
        yield
