"""Plans as Markdown for pull requests: pure functions from a plan and what others found out about it to text."""

from automation.markdown.inputs import Basis, CostDelta, CostLine, PolicyReport, StackReport, Suppression, Violation
from automation.markdown.report import COMMENT_LIMIT, MARKER_ROOM, Report, report

__all__ = [
    "COMMENT_LIMIT",
    "MARKER_ROOM",
    "Basis",
    "CostDelta",
    "CostLine",
    "PolicyReport",
    "Report",
    "StackReport",
    "Suppression",
    "Violation",
    "report",
]
