"""What the sandbox's firewall asks about injections. `python3 -m automation.toolchain.injection` prints where it is."""

from __future__ import annotations

import sys

from automation.errors import UserError
from automation.toolchain.go_tool import GoTool
from automation.toolchain.work import Steps, say

INJECTION = GoTool("injection", packages=60, own=True)


if __name__ == "__main__":
    try:
        print(INJECTION.ensure(Steps()))
    except UserError as error:
        say(f"{error.message}\n{error.hint}".rstrip())
        sys.exit(int(error.code))
