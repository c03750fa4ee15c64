"""Run what an account says: `python -m sandbox.workloads --account FOLDER`.

A second process for the same account ends at once, with 0.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from functools import partial
from pathlib import Path

from sandbox.background import run_alone


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.workloads", description=__doc__)
    parser.add_argument("--account", type=Path, required=True, help="folder of the account")
    parser.add_argument("--checkout", type=Path, default=Path.cwd(), help="whose app images run")
    parser.add_argument("--speed", type=float, default=1, help="how much faster time goes for what AWS would wait for")
    parser.add_argument("--detach", action="store_true", help="go on in the background")
    arguments = parser.parse_args()
    account: Path = arguments.account.resolve()
    serve = partial(_serve, account, arguments.checkout.resolve(), arguments.speed)
    return run_alone(account, account / "workloads", serve, detach=arguments.detach)


def _serve(account: Path, checkout: Path, speed: float) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    try:
        from sandbox.workloads.supervisor import Supervisor  # noqa: PLC0415 - slow to load, and part of an extra
    except ModuleNotFoundError as problem:
        if str(problem.name).startswith("sandbox"):
            raise
        sys.stderr.write(f"The sandbox's workloads need its extra: pip install 'modeshift[sandbox]' ({problem}).\n")
        return 1

    async def run() -> None:
        await Supervisor(account, checkout, speed).run()

    asyncio.run(run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
