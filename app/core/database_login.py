"""How a connection to PostgreSQL is made: where to, as whom, and how it is told that the server is the right one.

Whoever rotates a password changes it under running apps. So the login is read when a connection is made and kept; when
the server refuses it, it is read once more.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self, cast

import asyncpg
from pydantic import BeforeValidator, Field, InstanceOf, model_validator
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.core import secrets
from app.core.settings import EnvironmentSettings

CONNECT_SECONDS = 4
"""The longest that a connection may take to be made."""

_REFUSED = (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)
_FORM = "expected postgresql://HOST:PORT/NAME?sslmode=require"
_PORT = 5432

TlsMode = Literal["disable", "require", "verify-full"]


def _url(text: object) -> object:
    if not isinstance(text, str):
        return text
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # The text is not repeated: it may hold a password.
        raise ValueError(f"this is no URL of a database; {_FORM}") from None
    if url.drivername != "postgresql" or not url.host or not url.database:
        raise ValueError(f"this is no URL of a PostgreSQL database; {_FORM}")
    if unknown := set(url.query) - {"sslmode"}:
        raise ValueError(f"{', '.join(sorted(unknown))} cannot be set by the URL; {_FORM}")
    if url.query.get("sslmode", "require") not in TlsMode.__args__:
        raise ValueError("sslmode must be require, verify-full (with DATABASE_CA_FILE) or, on one machine, disable")
    return url


class LoginSettings(EnvironmentSettings):
    """Where the database is, and how to log in."""

    database_url: Annotated[InstanceOf[URL], BeforeValidator(_url), Field(repr=False)]
    """Where the database is, as in `postgresql://HOST:5432/NAME?sslmode=require`; with `USER:PASSWORD@` locally."""
    database_secret: Annotated[str, Field(pattern=r"^(arn:[^:]+:secretsmanager:[^:]+:[0-9]*:secret:\S+)?$")] = ""
    """ARN of the secret that holds `username` and `password` as JSON; unset, the URL holds them."""
    database_ca_file: str = ""
    """File of the authorities that may vouch for the server, whose name is then checked too (sslmode=verify-full)."""

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.database_secret and self.database_url.username:
            raise ValueError("DATABASE_URL names a user and DATABASE_SECRET is set: only one of them can say who.")
        if not self.database_secret and not self.database_url.username:
            raise ValueError("DATABASE_URL names no user and DATABASE_SECRET is not set: nothing says who logs in.")
        if self.tls == "verify-full" and not self.database_ca_file:
            raise ValueError(
                "DATABASE_URL asks for sslmode=verify-full: set DATABASE_CA_FILE to the authorities' file."
            )
        if self.database_ca_file and not Path(self.database_ca_file).is_file():
            raise ValueError(f"DATABASE_CA_FILE={self.database_ca_file!r}: there is no such file.")
        return self

    @property
    def tls(self) -> TlsMode:
        """How the connection is secured; a file of authorities is there to be used."""
        return (
            "verify-full"
            if self.database_ca_file
            else cast("TlsMode", self.database_url.query.get("sslmode", "require"))
        )


@dataclass(frozen=True)
class _Login:
    user: str
    password: str = field(repr=False)


class Connector:
    """Makes connections; one for all connections of an engine, so that a login is read once for all of them."""

    def __init__(self, settings: LoginSettings) -> None:
        self._settings = settings
        self._login: _Login | None = None
        self._reading = asyncio.Lock()
        self._tls = _tls(settings)

    async def connect(self) -> asyncpg.Connection:
        """Connect; raises what asyncpg raises, `OSError`, `TimeoutError` or `SecretsError`."""
        login = await self._current(None)
        try:
            return await self._as(login)
        except _REFUSED:
            renewed = await self._current(login)
            if renewed == login:
                raise
            return await self._as(renewed)

    async def _as(self, login: _Login) -> asyncpg.Connection:
        url = self._settings.database_url
        return await asyncpg.connect(
            host=url.host,
            port=url.port or _PORT,
            database=url.database,
            user=login.user,
            password=login.password,
            ssl=self._tls,
            timeout=CONNECT_SECONDS,
        )

    async def _current(self, refused: _Login | None) -> _Login:
        """Return the login, read anew when it is the one that was refused."""
        async with self._reading:
            if self._login is None or self._login == refused:
                self._login = await asyncio.to_thread(_read, self._settings)
            return self._login


def _read(settings: LoginSettings) -> _Login:
    url, arn = settings.database_url, settings.database_secret
    if not arn:
        return _Login(url.username or "", str(url.password or ""))
    text = secrets.read("DATABASE_SECRET", arn)
    try:
        found: object = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not {"username", "password"} <= found.keys():
        raise secrets.SecretsError(f"The secret of DATABASE_SECRET ({arn}) is no JSON with `username` and `password`.")
    values = cast("Mapping[str, object]", found)
    return _Login(str(values["username"]), str(values["password"]))


def _tls(settings: LoginSettings) -> ssl.SSLContext | Literal[False]:
    if settings.tls == "disable":
        return False
    context = ssl.create_default_context(cafile=settings.database_ca_file or None)
    if settings.tls == "require":
        # Encrypted, but not told apart from an impostor: what `require` means wherever libpq is used.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
