"""The tools a checkout needs, and where they are. Run `python3 -m automation.toolchain` to set them up.

Standard library only: it runs before the environment exists. Old interpreters can import it too, so that they get a
sentence about their version instead of a traceback.
"""

from automation.toolchain.pulumi_cli import PULUMI_VERSION, pulumi_binary

__all__ = ["PULUMI_VERSION", "pulumi_binary"]
