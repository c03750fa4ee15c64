"""Rules for what feeds workers: a trigger that could never come, or that S3 would refuse."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from stacks.catalog import MANIFEST, folder_of
from stacks.errors import nearest
from stacks.keys import Path
from stacks.links import BucketSettings, TableSettings
from stacks.rules import moments
from stacks.rules.base import Finding, Rule, Subject
from stacks.settings import ServiceSettings
from stacks.workers import BucketTriggerSettings, ScheduleTriggerSettings, StreamTriggerSettings


def links(subject: Subject) -> Iterator[Finding]:
    """Refuse triggers of what the service does not link to, and streams of tables that tell nothing."""
    for service, settings in subject.settings.services.items():
        for name, trigger in settings.triggers.items():
            if not isinstance(trigger, BucketTriggerSettings | StreamTriggerSettings):
                continue
            path: Path = ("services", service, "triggers", name, "link")
            kind = "bucket" if isinstance(trigger, BucketTriggerSettings) else "table"
            known = [link for link, said in settings.links.items() if said.kind == kind]
            link = settings.links.get(trigger.link)
            if link is None or link.kind != kind:
                why = f"is no link of kind {kind} that the service has"
                near = nearest(trigger.link, known)
                yield Finding(
                    path=path,
                    why=why,
                    allowed=", ".join(sorted(known)) or f"declare one: [links.NAME] kind = {kind!r}",
                    nearest=near,
                )
            elif isinstance(link, TableSettings) and not link.stream:
                why = "has no stream, so that nothing would ever come"
                fix = f"set stream = true on [links.{trigger.link}] in {folder_of(service)}/{MANIFEST}"
                yield Finding(path=path, why=why, fix=fix)


def buckets(subject: Subject) -> Iterator[Finding]:
    """Refuse triggers of one bucket that S3 could not tell apart, and a service that would feed itself for ever."""
    for service, settings in subject.settings.services.items():
        found = [(name, said) for name, said in settings.triggers.items() if isinstance(said, BucketTriggerSettings)]
        for (first, one), (second, other) in combinations(found, 2):
            if one.link == other.link and _overlap(one, other):
                yield Finding(
                    path=("services", service, "triggers", second),
                    value=f"{other.prefix}*{other.suffix}",
                    why=f"may mean the same object as {first} ({one.prefix}*{one.suffix}), and S3 tells of it once",
                    allowed="prefixes of which none begins with another, or suffixes of which none ends with another",
                )
        for name, said in found:
            if not said.prefix and not said.suffix and _writes(settings, said.link):
                yield Finding(
                    path=("services", service, "triggers", name),
                    value=f"every object of {said.link}",
                    why="would feed the service with what it writes there itself, for ever",
                    allowed="a prefix or a suffix that only what it is to work on has",
                )


def _overlap(one: BucketTriggerSettings, other: BucketTriggerSettings) -> bool:
    prefixes = one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)
    return prefixes and (one.suffix.endswith(other.suffix) or other.suffix.endswith(one.suffix))


def _writes(settings: ServiceSettings, name: str) -> bool:
    link = settings.links.get(name)
    return isinstance(link, BucketSettings) and "PutObject" in link.actions


def schedules(subject: Subject) -> Iterator[Finding]:
    """Refuse schedules that never come, and those that say twice when they do."""
    for service, settings in subject.settings.services.items():
        for name, trigger in settings.triggers.items():
            if not isinstance(trigger, ScheduleTriggerSettings):
                continue
            path: Path = ("services", service, "triggers", name)
            if (trigger.rate is None) is (trigger.cron is None):
                why = "says neither rate nor cron" if trigger.rate is None else "says both rate and cron"
                yield Finding(path=path, value="", why=why, allowed="one of the two", fix="set the other one to null")
            elif trigger.rate is not None:
                yield from moments.rate((*path, "rate"), trigger.rate)
            elif trigger.cron is not None:
                yield from moments.moments((*path, "cron"), trigger.cron)
            yield from moments.timezone((*path, "timezone"), trigger.timezone)


def workers(subject: Subject) -> Iterator[Finding]:
    """Refuse a worker that nothing feeds."""
    for service, settings in subject.settings.services.items():
        if settings.worker is not None and not settings.triggers:
            yield Finding(
                path=("services", service, "worker"),
                why="takes messages, and the service has no trigger that brings any",
                fix=f"remove it, or declare [triggers.NAME] in {folder_of(service)}/{MANIFEST}",
            )


RULES: Final[tuple[Rule, ...]] = (links, buckets, schedules, workers)
