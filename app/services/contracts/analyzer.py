"""The analysis of a source: the rules always, a model where one can be asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime

from app.ask.asker import Asker
from app.ask.providers import Question
from app.services.contracts.analysis import analyze
from app.services.contracts.models import Analysis, StaticAnalysis
from app.services.contracts.review import TASK, Review, findings, summary, usable
from app.services.contracts.rules import RULES
from app.services.contracts.settings import ContractsSettings

_log = logging.getLogger(__name__)


class Analyzer(Asker[Analysis, ContractsSettings]):
    """Analyzes contracts."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ, ContractsSettings, Analysis)

    def words(self) -> str:
        """Return what an analysis depends on besides the source."""
        return "\n".join([TASK, *(rule.text() for rule in RULES)])

    async def make(self, key: str, source: str) -> Analysis:
        """Return the analysis of a source."""
        static = await asyncio.to_thread(analyze, source, self.settings.rules_seconds)
        analysis = Analysis(hash=key, created=datetime.now(UTC), **dict(static))
        why_not = self.why_not(source) or _no_code(static)
        if why_not:
            analysis.notes.append(why_not)
        else:
            await self._review(analysis, source)
        fields = {"hash": key, "findings": len(analysis.findings), "cost_usd": analysis.cost_usd}
        _log.info("Contract analyzed", extra={"fields": fields})
        return analysis

    async def _review(self, analysis: Analysis, source: str) -> None:
        answer = await self.cascade.ask(Question(TASK, source, Review), usable, short=self.is_short(source))
        analysis.asked, analysis.cost_usd = answer.asked, answer.cost_usd
        analysis.notes += answer.notes
        analysis.complete = answer.value is not None
        if answer.value is None:
            analysis.notes.append("No model's review is in this; the findings are those of the rules.")
            return
        analysis.summary = summary(answer.value)
        analysis.findings += findings(answer.value, analysis.metrics.lines)
        analysis.findings.sort(key=lambda finding: (finding.line, finding.column, finding.rule))


def _no_code(static: StaticAnalysis) -> str:
    if static.metrics.functions or static.metrics.contracts:
        return ""
    return "No model was asked: there is no contract and no function in this."
