"""Which database and which moment a restore is about, and what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.errors import UserError
from automation.restore.choice import Database, Window, choose, free_name, moment, text, within
from stacks.links import LinkSettings, PostgresSettings, RestoreSettings
from stacks.settings import ServiceSettings, StackSettings

NOW = datetime(2026, 11, 21, 12, 0, 0, 500_000, tzinfo=UTC)
WINDOW = Window(datetime(2026, 11, 14, 12, 0, 0, 1, tzinfo=UTC), NOW - timedelta(minutes=4))


def stack(**services: tuple[str, ...]) -> StackSettings:
    def links(names: tuple[str, ...]) -> dict[str, LinkSettings]:
        return {name: PostgresSettings(kind="postgres") for name in names}

    own = {name: ServiceSettings(route=f"/{name}", links=links(found)) for name, found in services.items()}
    return StackSettings(environment="dev", services=own)


def database(*restores: str) -> Database:
    made = tuple(RestoreSettings(name=name, at="2026-11-20T10:00:00Z") for name in restores)
    return Database("users", "database", PostgresSettings(kind="postgres", restores=made))


def test_the_only_database_needs_no_name() -> None:
    found = choose(stack(users=("database",), netprobe=()), None, None)
    assert (found.service, found.link) == ("users", "database")


def test_one_of_several_is_named() -> None:
    several = stack(users=("database", "archive"), shop=("database",))
    assert choose(several, "shop", None).service == "shop"
    assert choose(several, None, "archive").service == "users"
    assert choose(several, "users", "database").link == "database"


@pytest.mark.parametrize(
    ("services", "service", "link", "said"),
    [
        ({"users": ("database",), "shop": ("database",)}, None, "database", "Which database?"),
        ({"users": ("database",)}, "shop", None, "no such PostgreSQL database"),
        ({"users": ("database",)}, "users", "orders", "no such PostgreSQL database"),
        ({"netprobe": ()}, None, None, "no such PostgreSQL database"),
    ],
)
def test_what_is_not_clear_is_asked_with_what_there_is(
    services: dict[str, tuple[str, ...]], service: str | None, link: str | None, said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        choose(stack(**services), service, link)
    for name, links in services.items():
        assert all(f"--service {name} --link {one}" in caught.value.hint for one in links)


@pytest.mark.parametrize(
    "words",
    ["2026-11-21T10:00:00Z", "2026-11-21T10:00:00+00:00", "2026-11-21T11:00:00+01:00", "2026-11-21 10:00:00.9Z"],
)
def test_a_moment_may_be_written_in_any_time_zone(words: str) -> None:
    wanted = moment(words, NOW)
    assert wanted is not None
    assert text(within(WINDOW, wanted)) == "2026-11-21T10:00:00Z"


@pytest.mark.parametrize("words", ["yesterday", "2026-11-21T10:00:00", "2026-13-01T00:00:00Z", "", "10:00", "Latest"])
def test_what_is_no_moment_is_refused_with_an_example(words: str) -> None:
    with pytest.raises(UserError, match="no moment with a time zone") as caught:
        moment(words, NOW)
    assert "2026-11-21T10:00:00Z" in caught.value.hint


def test_what_has_not_come_is_refused() -> None:
    with pytest.raises(UserError, match="2026-11-21T12:00:01Z has not come yet"):
        moment("2026-11-21T12:00:01Z", NOW)


def test_the_latest_is_the_last_whole_second_that_backups_have() -> None:
    assert moment("latest", NOW) is None
    assert text(within(WINDOW, None)) == "2026-11-21T11:56:00Z"


@given(st.integers(min_value=-3, max_value=3), st.sampled_from(("earliest", "latest")))
def test_what_backups_do_not_hold_is_refused_with_what_they_do(seconds: int, edge: str) -> None:
    wanted = getattr(WINDOW, edge).replace(microsecond=0) + timedelta(seconds=seconds)
    held = WINDOW.earliest <= wanted <= WINDOW.latest
    if held:
        assert within(WINDOW, wanted) == wanted
        return
    with pytest.raises(UserError) as caught:
        within(WINDOW, wanted)
    # The first whole second is the one after the backup began.
    assert "from 2026-11-14T12:00:01Z to 2026-11-21T11:56:00Z" in caught.value.hint


def test_a_database_of_this_second_is_refused() -> None:
    fresh = Window(NOW, NOW + timedelta(milliseconds=100))
    with pytest.raises(UserError, match="no whole second yet"):
        within(fresh, None)


def test_text_is_what_stack_files_take() -> None:
    elsewhere = timezone(timedelta(hours=-3))
    assert text(datetime(2026, 11, 21, 7, 0, 0, 999_999, tzinfo=elsewhere)) == "2026-11-21T10:00:00Z"


def test_names_are_given_once() -> None:
    assert free_name(database(), lambda _: False) == "r1"
    assert free_name(database("r1", "before-import"), lambda _: False) == "r2"
    # One that was taken out of the file may still be in AWS.
    assert free_name(database(), {"r1", "r2"}.__contains__) == "r3"
