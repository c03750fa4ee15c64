"""A rewritten source: what a table knows always, what a model knows where one can be asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime

from app.ask.asker import Asker
from app.ask.providers import Question
from app.services.rewriter.mending import mend
from app.services.rewriter.models import Rewrite
from app.services.rewriter.rewriting import TASK, Rewritten, changes, explanation, wrong_with
from app.services.rewriter.settings import RewriterSettings
from app.solidity.dialect import GONE

_log = logging.getLogger(__name__)


class Rewriter(Asker[Rewrite, RewriterSettings]):
    """Rewrites contracts."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ, RewriterSettings, Rewrite)

    def words(self) -> str:
        """Return what a rewrite depends on besides the source."""
        return "\n".join([TASK, *(f"{old} {new}" for old, new in GONE.items())])

    async def make(self, key: str, source: str) -> Rewrite:
        """Return a source rewritten."""
        mended, made = await asyncio.to_thread(mend, source, self.settings.parse_seconds)
        rewrite = Rewrite(hash=key, created=datetime.now(UTC), source=mended, changes=made)
        why_not = self.why_not(source)
        if why_not:
            rewrite.notes.append(why_not)
        else:
            await self._improve(rewrite, source)
        fields = {"hash": key, "changes": len(rewrite.changes), "cost_usd": rewrite.cost_usd}
        _log.info("Contract rewritten", extra={"fields": fields})
        return rewrite

    async def _improve(self, rewrite: Rewrite, source: str) -> None:
        given, seconds = rewrite.source, self.settings.parse_seconds

        def judge(answer: Rewritten) -> str:
            return wrong_with(answer, given, seconds)

        answer = await self.cascade.ask(Question(TASK, given, Rewritten), judge, short=self.is_short(source))
        rewrite.asked, rewrite.cost_usd = answer.asked, answer.cost_usd
        rewrite.notes += answer.notes
        rewrite.complete = answer.value is not None
        if answer.value is None:
            rewrite.notes.append("No model's work is in this; the changes are those of the table.")
            return
        rewrite.source = answer.value.source
        rewrite.explanation = explanation(answer.value)
        rewrite.changes += changes(answer.value, len(given.splitlines()))
