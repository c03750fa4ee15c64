"""Which pull request a fork's run was for, asked of a server on loopback: what GitHub says, never what the run says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from automation.comment.github import Place
from automation.comment.marker import Marker
from automation.errors import Exit, UserError

SHA = "c" * 40
FORK = 77
RUN: dict[str, Any] = {
    "run_number": 12,
    "run_attempt": 2,
    "head_sha": SHA,
    "head_branch": "fix&head=acme:main",
    "head_repository": {"id": FORK, "full_name": "fork/shop", "owner": {"login": "fork"}},
    "pull_requests": [{"number": 666}],
}


@dataclass
class Pulls:
    """The pull requests of a repository, all of them listed whatever is asked for."""

    listed: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    url: str = ""

    def add(self, number: int, sha: str = SHA, home: int | None = FORK) -> None:
        repo = None if home is None else {"id": home, "full_name": "fork/shop"}
        self.listed.append({"number": number, "head": {"sha": sha, "repo": repo}, "url": f"{self.url}/{number}"})


@pytest.fixture
def pulls() -> Iterator[Pulls]:
    pulls = Pulls()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            assert parts.path == "/repos/acme/shop/pulls"
            pulls.asked.append(parse_qs(parts.query))
            self.send_response(pulls.status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(pulls.listed if pulls.status == 200 else {"message": "no"}).encode())

        def log_message(self, *_: object) -> None: ...  # pyright: ignore[reportIncompatibleMethodOverride]

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        pulls.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield pulls
        server.shutdown()
        thread.join()


def place(pulls: Pulls, folder: Path, **run: Any) -> Place:
    event = folder / "event.json"
    event.write_text(json.dumps({"workflow_run": {**RUN, **run}}))
    return Place.of_workflow(
        {
            "GITHUB_API_URL": pulls.url,
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_RUN_NUMBER": "9000",
            "GITHUB_TOKEN": "token",
        }
    )


def refusal(pulls: Pulls, folder: Path, **run: Any) -> UserError:
    with pytest.raises(UserError) as error:
        place(pulls, folder, **run)
    return error.value


def test_it_is_the_open_one_at_the_commit_and_of_the_fork(pulls: Pulls, tmp_path: Path) -> None:
    pulls.add(5, sha="d" * 40)
    pulls.add(6, home=1)
    pulls.add(7)
    pulls.add(8, home=None)
    found = place(pulls, tmp_path)
    assert found.number == 7
    # The run that previewed counts, not the one that comments.
    assert found.marker == Marker(12, 2, SHA)
    assert pulls.asked == [{"state": ["open"], "head": ["fork:fix&head=acme:main"], "per_page": ["100"]}]


@pytest.mark.parametrize("run", [{}, {"head_repository": None}])
def test_one_that_is_closed_or_has_moved_on_is_no_failure(pulls: Pulls, tmp_path: Path, run: dict[str, Any]) -> None:
    pulls.add(5, sha="d" * 40)
    assert refusal(pulls, tmp_path, **run).code is Exit.DONE


def test_several_that_cannot_be_told_apart_are_refused(pulls: Pulls, tmp_path: Path) -> None:
    pulls.add(7)
    pulls.add(8)
    error = refusal(pulls, tmp_path)
    assert error.code is Exit.FAILED
    assert "7, 8" in error.message


def test_a_token_that_may_not_look_is_told_what_it_needs(pulls: Pulls, tmp_path: Path) -> None:
    pulls.status = 404
    assert "pull-requests: write" in refusal(pulls, tmp_path).hint
