"""Set up every tool that this checkout needs; with `--check`, only say what is there.

Done already, it takes a few milliseconds, so every target of the Makefile starts with it.
"""

from __future__ import annotations

import signal
import sys

from automation.errors import Exit, UserError
from automation.toolchain import environment, pulumi_cli
from automation.toolchain.places import LOCAL
from automation.toolchain.work import Steps, exclusive, say


def main(arguments: list[str]) -> int:
    """Run set-up, or `--check`; return the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        environment.require_python()
        if arguments == ["--check"]:
            return _check()
        if arguments:
            raise UserError(f"Unknown argument {arguments[0]!r}.", hint="Allowed: --check, or nothing.")
        _set_up()
    except UserError as error:
        say(f"Set-up stopped. {error.message}")
        if error.hint:
            say(error.hint)
        return int(error.code)
    except KeyboardInterrupt:
        say("Set-up interrupted. Nothing half-made is left; the same command goes on from here.")
        return int(Exit.INTERRUPTED)
    return int(Exit.DONE)


def _set_up() -> None:
    if environment.ready() and pulumi_cli.find():
        return
    steps = Steps()
    with exclusive(LOCAL / "setup.lock"):
        environment.ensure(steps)
        pulumi_cli.ensure(steps)
    say(steps.summary())


def _check() -> int:
    binary = pulumi_cli.find()
    in_sync = environment.ready()
    print(f"environment: {'ready' if in_sync else 'not as locked'}")
    print(f"pulumi: {binary or 'missing'}")
    return int(Exit.DONE if in_sync and binary else Exit.FAILED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
