"""PostgreSQL: one pool for a service, sessions that read and that write, and a problem when it does not answer.

Every session has a deadline below that of the request. Nothing is kept in a connection from one session to the next, so
a proxy may be in between. How long the server works on one statement is set with the schema (`core/migrations.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated, TypeVar

from pydantic import Field
from sqlalchemy import event, text
from sqlalchemy.engine import AdaptedConnection
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from app.core import secrets
from app.core.database_login import Connector, LoginSettings
from app.core.problems import ProblemError
from app.core.secrets import SecretsError

SESSION_SECONDS = 8
"""The longest that a session may take, waiting for a connection included."""

_RECYCLE_SECONDS = 300
_SOON, _LATER = "1", "5"

_UNAVAILABLE = (
    ("08", "28", "53", "57P", "25006", "26000"),
    "The database does not answer just now.",
    _LATER,
)
"""No connection, login refused, no room, going down or starting up; read-only or without our prepared statements, as
after it has failed over to another server."""
_BUSY = (
    ("40001", "40P01", "55P03", "57014"),
    "The database took too long over this, since others change the same or it has much to do.",
    _SOON,
)
"""Not serializable, deadlock, lock timeout, statement timeout."""

_log = logging.getLogger(__name__)


class DatabaseSettings(LoginSettings):
    """How many connections an instance may have. On Lambda it has one, since it takes one request at a time."""

    database_pool: Annotated[int, Field(ge=1, le=100)] = 5
    """Connections that an instance keeps (containers)."""
    database_overflow: Annotated[int, Field(ge=0, le=100)] = 3
    """Connections on top for a while; tasks × (pool + overflow) must stay below the server's max_connections."""
    database_wait_seconds: Annotated[float, Field(gt=0, le=5)] = 2
    """How long a request waits for a connection when all are in use."""
    on_lambda: Annotated[str, Field(alias="AWS_LAMBDA_FUNCTION_NAME")] = ""
    """The function's name. Lambda sets it."""

    @property
    def connections(self) -> int:
        """The most connections that an instance has."""
        return 1 if self.on_lambda else self.database_pool + self.database_overflow


class ReadSession(AsyncSession):
    """A session for reading: each statement for itself, no transaction around them."""


class WriteSession(ReadSession):
    """A session for reading and writing, in one transaction. It is committed where it was opened, nowhere else."""


S = TypeVar("S", bound=ReadSession)


class Database:
    """A service's database. `opened` belongs into the service's lifespan; `read` and `write` are for its requests."""

    def __init__(self, environ: Mapping[str, str], settings: type[DatabaseSettings]) -> None:
        """Read the settings, unless they come with the secrets; raises `SettingsError` when one is wrong."""
        self._environ = environ
        self._settings = settings
        self._opened: _Opened | None = None
        # Where no services are named, none that keeps data is served.
        if environ.get("SERVICES") and "DATABASE_URL" not in secrets.names(environ):
            settings.from_environ(environ)

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """Have a pool, without a connection until one is needed; raises `SettingsError` when a setting is wrong."""
        settings = self._settings.from_environ(self._environ)
        opened = self._opened = _Opened(create_engine(settings), settings)
        try:
            yield
        finally:
            self._opened = None
            await opened.engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[ReadSession]:
        """Yield a session for reading; raises `ProblemError` when the database does not answer."""
        async with self._open.place(), _deadline(ReadSession(self._open.engine, expire_on_commit=False)) as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[WriteSession]:
        """Yield a session in a transaction and commit; raises `ProblemError` when the database does not answer."""
        saving = False
        try:
            async with (
                self._open.place(),
                _deadline(WriteSession(self._open.writer, expire_on_commit=False)) as session,
            ):
                yield session
                saving = True
                await session.commit()
        except ProblemError as problem:
            if saving:
                detail = "The database stopped answering while this was being saved: look whether it was."
                raise ProblemError(problem.status, detail, headers=problem.headers) from problem
            raise

    async def answers(self) -> bool:
        """Tell whether the database answers: the service's readiness check."""
        if self._open.places.locked():
            # All connections are at work, which is no reason to send the work elsewhere.
            return True
        async with self._open.place(), self._open.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        return True

    @property
    def _open(self) -> _Opened:
        assert self._opened is not None, "the service's lifespan opens its database"
        return self._opened


class _Opened:
    """A pool, and as many places as it may have connections.

    Places are given in turn. The pool itself lets whoever comes just then go first, and others wait for seconds.
    """

    def __init__(self, engine: AsyncEngine, settings: DatabaseSettings) -> None:
        self.engine = engine
        self.writer = engine.execution_options(isolation_level="READ COMMITTED")
        self.places = asyncio.Semaphore(settings.connections)
        self._wait = settings.database_wait_seconds

    @asynccontextmanager
    async def place(self) -> AsyncGenerator[None]:
        try:
            async with asyncio.timeout(self._wait):
                await self.places.acquire()
        except TimeoutError:
            raise _unavailable("All database connections of this instance are in use.", _SOON) from None
        try:
            yield
        finally:
            self.places.release()


def create_engine(settings: DatabaseSettings) -> AsyncEngine:
    """Return an engine whose connections log in as the settings say."""
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=Connector(settings).connect,
        # Reading needs no transaction around it, nor the two round trips that begin and end one.
        isolation_level="AUTOCOMMIT",
        pool_size=min(settings.database_pool, settings.connections),
        max_overflow=settings.connections - min(settings.database_pool, settings.connections),
        pool_recycle=_RECYCLE_SECONDS,
        # A frozen function does not notice that its connection ends; what runs on does, and need not ask.
        pool_pre_ping=bool(settings.on_lambda),
        # Parameters are people's data, and errors are logged.
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


def _refuse_closed(connection: AdaptedConnection, *_: object) -> None:
    if connection.driver_connection.is_closed():
        raise DisconnectionError


@asynccontextmanager
async def _deadline(session: S) -> AsyncGenerator[S]:
    try:
        async with asyncio.timeout(SESSION_SECONDS):
            yield session
    except Exception as error:
        if isinstance(error, TimeoutError):
            # Whatever it waits for, it would wait for it again to roll back.
            await session.invalidate()
        if isinstance(error, DBAPIError):
            # The row that it is about, which is nobody's business who reads logs.
            vars(error.driver_exception)["detail"] = None
        problem = _problem(error)
        if problem is None:
            raise
        _log.warning("The database failed a request: %s", _cause(error))
        raise problem from error
    finally:
        await session.close()


def _problem(error: Exception) -> ProblemError | None:
    """Return what a caller is told about an error that is the database's; nothing for those that are not."""
    if isinstance(error, OSError | SecretsError):  # TimeoutError is an OSError
        return _unavailable(*_UNAVAILABLE[1:])
    if isinstance(error, DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None) or "")
        for states, detail, wait in (_UNAVAILABLE, _BUSY):
            if state.startswith(states):
                return _unavailable(detail, wait)
        if error.connection_invalidated:
            return _unavailable(*_UNAVAILABLE[1:])
    return None


def _unavailable(detail: str, wait: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE, f"{detail} Try again in {wait} s.", headers={"Retry-After": wait}
    )


def _cause(error: Exception) -> str:
    cause = error.driver_exception if isinstance(error, DBAPIError) else error
    return f"{type(cause).__name__}: {cause}"
