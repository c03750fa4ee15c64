"""Manifests of services that keep data, for tests of what stacks make of them."""

from __future__ import annotations

from pathlib import Path

from stacks.catalog import folder_of

PLAIN = 'title = "Shop"\nsummary = "Sells."\nroute = "/"\n'

DATABASE = """
migrations = true
[links.database]
kind = "postgres"
"""

EVERYTHING = """
migrations = true
[links.database]
kind = "postgres"
[links.results]
kind = "table"
key = ["hash", "created"]
attributes = {hash = "S", created = "N", day = "S"}
indexes = {by-day = ["day", "created"]}
ttl = "expires"
stream = true
actions = ["GetItem", "PutItem", "Query"]
[links.uploads]
kind = "bucket"
actions = ["GetObject", "PutObject"]
[links.keys]
kind = "secret"
keys = ["OPENAI_API_KEY"]
[links.more-keys]
kind = "secret"
keys = ["GEMINI_API_KEY", "OTHER_API_KEY"]
optional = true
[links.notices]
kind = "topic"
[links.cache]
kind = "cache"
[triggers.jobs]
kind = "queue"
[triggers.uploaded]
kind = "bucket"
link = "uploads"
suffix = ".sol"
[triggers.hourly]
kind = "schedule"
rate = "rate(1 hour)"
[triggers.written]
kind = "stream"
link = "results"
[worker]
timeout = 120
"""
"""All kinds of links and triggers but a file system, which no pod can have."""

FILES = '\n[links.files]\nkind = "files"\n'


def add_service(root: Path, said: str, name: str = "shop", *, plain: str = PLAIN) -> None:
    """Make the folder of a service whose manifest says more than what it is."""
    folder = root / folder_of(name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "service.toml").write_text(plain + said, encoding="utf-8")
