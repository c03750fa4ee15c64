"""Take random valid stacks through their whole life: `make fuzz N=200`.

A failing case is printed as a test to paste.
"""

from __future__ import annotations

import argparse
import pprint
import random
import sys
import tempfile
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.e2e.conftest import make_workspace
from tests.e2e.life import EDITS, live
from tests.strategies import configs

_PASTE = """
def test_found_by_fuzzing(workspace):
    live(
        workspace,
        {config},
        {edit!r},
    )
"""


def cases(number: int, first_seed: int) -> list[tuple[dict[str, Any], str]]:
    """Return random valid configs, each with an edit; the same seed gives the same cases."""
    drawn: list[dict[str, Any]] = []

    @seed(first_seed)
    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(configs())
    def draw(config: dict[str, Any]) -> None:
        # The sandbox has one account, so a stack that allows another one is refused there, as it should be.
        config.pop("modeshift:account", None)
        drawn.append(config)

    draw()
    choice = random.Random(first_seed)
    return [(config, choice.choice(sorted(EDITS))) for config in drawn[:number]]


def main() -> None:
    """Run the cases on all cores and end with code 1 when one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    started = time.monotonic()
    failures: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="modeshift-fuzz-") as folder,
        ProcessPoolExecutor(arguments.workers) as pool,
    ):
        chosen = cases(arguments.cases, arguments.seed)
        running = [pool.submit(_one, Path(folder), index, *case) for index, case in enumerate(chosen)]
        for number, future in enumerate(as_completed(running), 1):
            if report := future.result():
                failures.append(report)
                sys.stdout.write(f"{report}\n")
            if number % 10 == 0 or number == len(chosen):
                minutes = (time.monotonic() - started) / 60
                sys.stdout.write(f"{number} of {len(chosen)} stacks lived, {len(failures)} failed, {minutes:.1f} min\n")
            sys.stdout.flush()
    sys.exit(1 if failures else 0)


def _one(folder: Path, index: int, config: dict[str, Any], edit: str) -> str:
    workspace = make_workspace(folder / str(index), folder / "build")
    try:
        live(workspace, config, edit)
    except Exception:  # noqa: BLE001 whatever goes wrong is a finding, and the other cases go on
        paste = _PASTE.format(config=pprint.pformat(config, width=100).replace("\n", "\n        "), edit=edit)
        return f"{traceback.format_exc()}\n{paste}"
    return ""


if __name__ == "__main__":
    main()
