"""The rewriter's routes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from app.ask.routes import ANSWERS, Prefer, add_reads, answered
from app.services.rewriter.models import Rewrite, RewriteRequest
from app.services.rewriter.rewriter import Rewriter


def router(rewriter: Rewriter) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["rewriter"])

    @routes.post("/rewrite", operation_id="rewrite", response_model=Rewrite, responses=ANSWERS)
    async def rewrite(request: RewriteRequest, prefer: Prefer = None) -> Any:  # noqa: ANN401 a rewrite or a job
        """Rewrite a contract without its weaknesses; what is known or quick is answered at once, the rest is a job.

        The same source is rewritten once, so a request may be sent again.
        """
        return await answered(rewriter.desk.take, request.source, prefer)

    add_reads(routes, lambda: rewriter.desk, Rewrite)
    return routes
