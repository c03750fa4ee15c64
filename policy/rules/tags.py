"""Tags: who owns what, where it belongs and who pays for it."""

from __future__ import annotations

from policy.model import Level, NotKnown, Outcomes, Resource, Rule, Severity, Violation
from policy.values import UNKNOWN
