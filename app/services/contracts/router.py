"""The analyzer's routes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from app.ask.routes import ANSWERS, Prefer, add_reads, answered
from app.services.contracts.analyzer import Analyzer
from app.services.contracts.models import Analysis, AnalyzeRequest


def router(analyzer: Analyzer) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["contracts"])

    @routes.post("/analyze", operation_id="analyze", response_model=Analysis, responses=ANSWERS)
    async def analyze(request: AnalyzeRequest, prefer: Prefer = None) -> Any:  # noqa: ANN401 an analysis or a job
        """Analyze a contract; what is known or quick is answered at once, the rest is a job.

        The same source is analyzed once, so a request may be sent again.
        """
        return await answered(analyzer.desk.take, request.source, prefer)

    add_reads(routes, lambda: analyzer.desk, Analysis)
    return routes
