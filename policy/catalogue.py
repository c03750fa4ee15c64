"""Every rule there is, in the order of the documentation, and the table that people read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from policy.model import Level, Rule
from policy.rules import (
    api,
    dynamodb,
    ecr,
    ecs,
    efs,
    eks,
    elasticache,
    elb,
    events,
    functions,
    iam,
    kms,
    logs,
    network,
    rds,
    s3,
    secrets,
    sqs,
    tags,
    waf,
)

_SUBJECTS = (
    network,
    iam,
    ecs,
    ecr,
    elb,
    functions,
    api,
    waf,
    rds,
    dynamodb,
    elasticache,
    efs,
    s3,
    sqs,
    events,
    secrets,
    kms,
    logs,
    eks,
    tags,
)

RULES: tuple[Rule, ...] = tuple(rule for subject in _SUBJECTS for rule in subject.RULES)

_BEGIN, _END = "<!-- rules: written by `python -m policy.catalogue` -->", "<!-- /rules -->"
_LEVELS = {Level.MANDATORY: "stops", Level.PROD: "stops in prod", Level.ADVISORY: "advises"}


def table(rules: Iterable[Rule] = RULES) -> str:
    """Return the rules as a Markdown table."""
    rows = [("rule", "says", "severity", "level", "the same as"), ("---",) * 5]
    for rule in rules:
        rows.append((rule.id, rule.title, rule.severity.value, _LEVELS[rule.level], ", ".join(rule.frameworks)))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def document(rules: Iterable[Rule] = RULES) -> Sequence[dict[str, object]]:
    """Return the rules as JSON's plain types."""
    return [
        {
            "id": rule.id,
            "title": rule.title,
            "severity": rule.severity.value,
            "level": rule.level.value,
            "frameworks": list(rule.frameworks),
            "types": list(rule.types),
            "remedy": rule.remedy,
        }
        for rule in rules
    ]


def main() -> None:
    """Write the table into the page that explains the rules."""
    page = Path(__file__).parents[1] / "docs" / "policies.md"
    before, begin, rest = page.read_text("utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    page.write_text(f"{before}{begin}\n{table()}{end}{after}", "utf-8")


if __name__ == "__main__":
    main()
