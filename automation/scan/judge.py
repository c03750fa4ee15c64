"""What checkov found, and what of it is excepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from automation.errors import UserError
from automation.scan.runner import VERSION, Checked, Failure
from automation.scan.terraform import TerraformPlan
from policy.suppressions import Suppression, SuppressionError, load

FILE = Path(__file__).with_name("suppressions.yaml")


@dataclass(frozen=True)
class Finding:
    """A failed check of a resource, and the exception for it if there is one."""

    failure: Failure
    resource: str
    suppression: Suppression | None
    today: date

    @property
    def stops(self) -> bool:
        return self.suppression is None or not self.suppression.holds(self.today)

    def document(self) -> dict[str, object]:
        """Return it as JSON's plain types."""
        return {
            "id": self.failure.check,
            "title": self.failure.title,
            "resource": self.resource,
            "address": self.failure.address,
            "stops": self.stops,
            "reason": self.suppression.reason if self.suppression else None,
        }


@dataclass(frozen=True)
class Scan:
    """What checkov says of one stack."""

    stack: str
    passed: int
    findings: tuple[Finding, ...]
    unmapped: tuple[str, ...]

    @property
    def stopping(self) -> list[Finding]:
        return [one for one in self.findings if one.stops]

    def document(self) -> dict[str, object]:
        """Return it as JSON's plain types."""
        return {
            "stack": self.stack,
            "checkov": VERSION,
            "ok": not self.stopping,
            "passed": self.passed,
            "findings": [one.document() for one in self.findings],
            "notScanned": list(self.unmapped),
        }


def judge(stack: str, plan: TerraformPlan, checked: Checked, suppressions: Sequence[Suppression], today: date) -> Scan:
    """Set what checkov found against the exceptions."""
    findings: list[Finding] = []
    for failure in checked.failures:
        name = plan.names.get(failure.address, failure.address)
        covering = [one for one in suppressions if one.names(failure.check, name)]
        findings.append(Finding(failure, name, max(covering, key=lambda one: one.expires, default=None), today))
    return Scan(stack, checked.passed, tuple(findings), tuple(plan.unmapped))


def exceptions(path: Path = FILE) -> list[Suppression]:
    """Read the exceptions of the repository from checkov's checks.

    Raises:
        UserError: The file cannot be read as exceptions.

    """
    try:
        return load(path, rules=None)
    except SuppressionError as error:
        raise UserError(
            f"automation/scan/{path.name} has mistakes: {'; '.join(error.problems)}.",
            hint="Each entry needs rule, resource, reason and expires; docs/policies.md has an example.",
        ) from None


def scan_view(scan: Scan) -> RenderableType:
    """Render the failed checks as a table, and count the rest."""
    table = Table("check", "resource", "says", box=None, header_style="bold", pad_edge=False)
    ended: list[Text] = []
    for one in scan.stopping:
        table.add_row(one.failure.check, one.resource, one.failure.title)
        if one.suppression:
            ended.append(Text(f"{one.failure.check} {one.resource}: {one.suppression.expiry()}", style="yellow"))
    skipped = [Text(f"Not scanned, no Terraform name known: {kind}.", style="yellow") for kind in scan.unmapped]
    excepted = len(scan.findings) - len(scan.stopping)
    counts = f"checkov ({scan.stack}): {scan.passed} checks passed, {len(scan.stopping)} failed, {excepted} excepted."
    return Group(*([table] if scan.stopping else []), *ended, *skipped, Text(counts, style="dim"))
