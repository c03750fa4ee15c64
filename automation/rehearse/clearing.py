"""Clears a rehearsal's place away when whoever made it closes this one's standard input, or dies in whatever way.

A process of its own in a session of its own: neither Ctrl-C nor the death of the command keeps it from its work.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sandbox.control.store import FILE_NAME
from sandbox.data import client as data_services
from sandbox.data.errors import DataError
from sandbox.workloads import client as workloads

_REPOSITORY = Path(__file__).resolve().parents[2]


@contextmanager
def cleared(folder: Path, account: Path, worktree_of: Path | None) -> Iterator[None]:
    """End what runs for an account, and delete the folder that it is in, when the block ends or this process does.

    Args:
        folder: what goes.
        account: the folder of the account, in it.
        worktree_of: the checkout that knows a worktree in the folder.
    """
    command = [sys.executable, "-m", "automation.rehearse.clearing", str(folder), str(account)]
    process = subprocess.Popen(
        [*command, *([str(worktree_of)] if worktree_of else [])],
        cwd=_REPOSITORY,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    try:
        yield
    finally:
        process.stdin.close()
        process.wait()


def main() -> None:
    """Wait for the end, and clear away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("account", type=Path)
    parser.add_argument("worktree_of", type=Path, nargs="?")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.read()
    if (options.account / FILE_NAME).exists():
        for stop in (workloads.stop, data_services.stop):
            with suppress(DataError, OSError):
                stop(options.account)
    shutil.rmtree(options.folder, ignore_errors=True)
    if options.worktree_of is not None:
        subprocess.run(["git", "-C", str(options.worktree_of), "worktree", "prune"], check=False)


if __name__ == "__main__":
    main()
