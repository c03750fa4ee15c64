"""Pulumi's entry for the bootstrap program, brought up once per account before any stack."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from stacks.bootstrap import main

main()
