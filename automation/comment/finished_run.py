"""The pull request that a finished workflow run was for.

A run for a fork's pull request may not write comments, so another run does it when the first is done (`workflow_run`).
What the first one says is not trusted. What GitHub says of it is: from where it came, on which commit, and its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from github import GithubException
from github.Repository import Repository

from automation.comment.marker import Marker
from automation.errors import Exit, UserError

Run = Mapping[str, Any]


def marker_of(run: Run) -> Marker:
    """Return the marker of what that run found, as if it had written the comment itself."""
    return Marker(int(run["run_number"]), int(run["run_attempt"]), str(run["head_sha"]))


def number_of(run: Run, repository: Repository) -> int:
    """Return the number of the open pull request whose latest commit the run was on.

    Args:
        run: `workflow_run` of the event.
        repository: the one that the pull request was made to.

    Raises:
        UserError: there is none any more, there are several, or GitHub does not say.
    """
    sha = run["head_sha"]
    try:
        pulls = _at_commit(run, repository)
    except GithubException as error:
        raise UserError(
            f"GitHub does not say which pull request run {run['run_number']} was for: it answered {error.status}.",
            hint="The token needs the permission pull-requests: write.",
            code=Exit.FAILED,
        ) from None
    if not pulls:
        raise UserError(
            f"No open pull request is at {sha[:12]} any more.",
            hint="It was closed, or a newer commit reports for it.",
            code=Exit.DONE,
        )
    if len(pulls) > 1:
        raise UserError(
            f"Pull requests {', '.join(map(str, sorted(pulls)))} have the same branch and commit.",
            hint="Which of their bases was previewed is not known; close all but one.",
            code=Exit.FAILED,
        )
    return pulls[0]


def _at_commit(run: Run, repository: Repository) -> list[int]:
    home = run["head_repository"]
    if home is None:  # the fork was deleted
        return []
    found = repository.get_pulls(state="open", head=f"{home['owner']['login']}:{run['head_branch']}")
    # GitHub leaves out a filter that it cannot read, and lists everything.
    return [
        pull.number
        for pull in found
        if pull.head.sha == run["head_sha"] and pull.head.repo and pull.head.repo.id == home["id"]
    ]
