"""Keep an account's data services running: `python -m sandbox.data --account FOLDER`.

A second process for the same account ends at once, with 0.
"""

from __future__ import annotations

import argparse
import logging
import sys
from functools import partial
from pathlib import Path

from sandbox.background import run_alone


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.data", description=__doc__)
    parser.add_argument("--account", type=Path, required=True, help="folder of the account")
    parser.add_argument("--speed", type=float, default=1, help="how much faster than the clock schedules run")
    parser.add_argument("--detach", action="store_true", help="go on in the background")
    arguments = parser.parse_args()
    account: Path = arguments.account.resolve()
    serve = partial(_serve, account, arguments.speed)
    return run_alone(account, account / "data", serve, detach=arguments.detach)


def _serve(account: Path, speed: float) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("sandbox").setLevel(logging.INFO)
    try:
        from sandbox.data.daemon import Daemon  # noqa: PLC0415 - slow to load, and part of an extra
    except ImportError as problem:
        sys.stderr.write(f"The sandbox's data services need its extra: pip install 'modeshift[sandbox]' ({problem}).\n")
        return 1
    Daemon(account, speed).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
