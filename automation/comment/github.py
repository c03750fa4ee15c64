"""A pull request on GitHub, and what the workflow says of the one it runs for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from github import Auth, Github, GithubException, GithubRetry, RateLimitExceededException, UnknownObjectException
from github.Issue import Issue
from github.IssueComment import IssueComment
from requests import RequestException
from urllib3.exceptions import HTTPError

from automation.comment.finished_run import marker_of, number_of
from automation.comment.marker import Marker
from automation.comment.upsert import Comment, LaterError
from automation.errors import Exit, UserError

WORKFLOW_AUTHOR = "github-actions[bot]"
"""As whom the token of a workflow writes."""

_TRIES = 6
_PATIENCE = 300
"""Longest wait for GitHub, seconds."""
_SECONDARY_WAIT = 60
"""What GitHub asks of clients that hit a secondary limit that names no time, seconds."""
_DENIED = frozenset({401, 403, 404})
_PASSING = [HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600)]


@dataclass(frozen=True)
class Place:
    """Where a report goes and what it is about, as the environment of a workflow says."""

    repository: str
    number: int
    marker: Marker
    token: str = field(repr=False)
    api: str = "https://api.github.com"
    author: str = WORKFLOW_AUTHOR

    @classmethod
    def of_workflow(cls, environ: Mapping[str, str]) -> Place:
        """Read the place from the variables and the event of a workflow.

        Raises:
            UserError: this is no workflow run for a pull request, or it was given no token.
        """
        missing = [name for name in ("GITHUB_REPOSITORY", "GITHUB_TOKEN", "GITHUB_RUN_NUMBER") if not environ.get(name)]
        if missing:
            raise UserError(
                f"A comment needs {', '.join(missing)} in the environment.",
                hint=(
                    "In a workflow pass `GITHUB_TOKEN: ${{ github.token }}` in `env`, with the permission "
                    "pull-requests: write. Elsewhere write the report to a file: --markdown FILE."
                ),
            )
        event = _event(environ)
        repository, token = environ["GITHUB_REPOSITORY"], environ["GITHUB_TOKEN"]
        api = environ.get("GITHUB_API_URL") or cls.api
        if run := event.get("workflow_run"):
            number, marker = number_of(run, _client(token, api, GithubRetry()).get_repo(repository)), marker_of(run)
        else:
            number, marker = _of_pull_request(event, environ)
        return cls(
            repository=repository,
            number=number,
            marker=marker,
            token=token,
            api=api,
            author=environ.get("MODESHIFT_COMMENT_AUTHOR") or WORKFLOW_AUTHOR,
        )


class PullRequest:
    """A pull request's comments; reads are repeated when GitHub fails or asks to wait."""

    def __init__(self, place: Place, *, backoff: float = 1, patience: float = _PATIENCE) -> None:
        self.author = place.author
        self._where = f"pull request {place.number} of {place.repository}"
        self._backoff = backoff
        self._patience = patience
        retry = GithubRetry(
            total=_TRIES, backoff_factor=backoff, max_rate_limit_wait=patience, status_forcelist=_PASSING
        )
        self._reading = _issue(place, retry)
        # A write is never repeated blindly: what it would replace may have changed.
        self._writing = _issue(place, None)

    def comments(self) -> list[Comment]:
        """Return all comments, oldest first."""
        with self._explained("read"):
            return [Comment(one.id, one.user.login, one.body or "") for one in self._reading.get_comments()]

    def create(self, body: str) -> None:
        """Write a new comment."""
        with self._explained("written"):
            self._writing.create_comment(body)

    def update(self, comment: Comment, body: str) -> None:
        """Replace the text of a comment; one that is gone meanwhile is left to the next look."""
        with self._explained("written"), suppress(UnknownObjectException):
            self._native(comment).edit(body)

    def delete(self, comment: Comment) -> None:
        """Remove a comment; that it is gone already is as good."""
        with self._explained("written"), suppress(UnknownObjectException):
            self._native(comment).delete()

    def _native(self, comment: Comment) -> IssueComment:
        return self._writing.get_comment(comment.id)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn what GitHub answers into a sentence; the token never stands in it."""
        try:
            yield
        except GithubException as error:
            if what == "written" and (wait := self._wait(error)) is not None:
                raise LaterError(f"GitHub answered {error.status}: {_words(error)}", wait) from None
            hint = f"GitHub answered {error.status}: {_words(error)}"
            if error.status in _DENIED:
                hint += (
                    " The token needs the permission pull-requests: write; the token of a fork's pull request never "
                    "has it, so its report goes to the job summary."
                )
            raise self._refusal(what, hint) from None
        except (RequestException, HTTPError) as error:
            raise self._refusal(what, f"GitHub cannot be reached: {type(error).__name__}.") from None

    def _wait(self, error: GithubException) -> float | None:
        """Return the seconds after which to try again, if that may help."""
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return self._backoff
        if "retry-after" in headers:
            wait = float(headers["retry-after"])
        elif isinstance(error, RateLimitExceededException):
            wait = max(0.0, float(headers.get("x-ratelimit-reset", 0)) - time.time()) or _SECONDARY_WAIT
        else:
            return None
        return wait if wait <= self._patience else None

    def _refusal(self, what: str, hint: str) -> UserError:
        return UserError(f"The comments of {self._where} could not be {what}.", hint=hint, code=Exit.FAILED)


def _of_pull_request(event: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[int, Marker]:
    pull = event.get("pull_request") or {}
    number = pull.get("number") or event.get("number")
    sha = (pull.get("head") or {}).get("sha")
    if not number or not sha:
        raise UserError(
            f"The event {environ.get('GITHUB_EVENT_NAME', '')!r} names no pull request.",
            hint="Run this on `pull_request`; for other events write the report to a file: --markdown FILE.",
        )
    attempt = int(environ.get("GITHUB_RUN_ATTEMPT") or 1)
    return int(number), Marker(int(environ["GITHUB_RUN_NUMBER"]), attempt, str(sha))


def _issue(place: Place, retry: GithubRetry | None) -> Issue:
    return _client(place.token, place.api, retry).get_repo(place.repository).get_issue(place.number)


def _client(token: str, api: str, retry: GithubRetry | None) -> Github:
    return Github(
        auth=Auth.Token(token),
        base_url=api,
        retry=retry,
        per_page=100,
        seconds_between_requests=None,
        seconds_between_writes=None,
        lazy=True,
    )


def _words(error: GithubException) -> str:
    message = error.data.get("message") if isinstance(error.data, dict) else None
    return str(message or "no reason given").rstrip(".") + "."


def _event(environ: Mapping[str, str]) -> dict[str, Any]:
    path = environ.get("GITHUB_EVENT_PATH")
    if not path or not Path(path).is_file():
        return {}
    return json.loads(Path(path).read_text())
