"""The policy pack as Pulumi runs it: `pulumi preview --policy-pack policy`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

# The engine runs this folder by itself, so nobody else says where the package is.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from policy.pack import serve

serve(today=datetime.now(tz=UTC).date())
