"""A cold start imports what the first response needs. Modules are counted, not seconds: those differ by machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

BUDGET = 60
"""Modules beyond those of a bare FastAPI app behind Mangum, our own included; there are about fifty."""

HEAVY = {
    "aws_lambda_powertools": "only workers need it",
    "boto3": "only secrets in Secrets Manager need it",
    "botocore": "comes with boto3",
    "certifi": "only HTTPS probes need it",
    "cryptography": "only certificates need it",
    "dns": "only DNS probes need it",
    "google.protobuf": "only telemetry needs it",
    "h11": "only HTTP probes need it; the server of a container has its own import",
    "httpx": "tests only",
    "jsonpath": "only expectations need it",
    "openai": "only who asks a model needs it",
    "opentelemetry.exporter": "only telemetry needs it",
    "opentelemetry.sdk": "only telemetry needs it",
    "prometheus_client": "Lambda writes lines instead",
    "pydantic_settings": "plain pydantic does",
    "re2": "only expectations need it",
    "requests": "only telemetry needs it",
    "tomllib": "only a SERVICES that leaves a route open needs it",
    "tree_sitter": "only who reads Solidity needs it",
    "uvicorn": "Lambda serves no socket",
    "yaml": "nothing in the app reads it",
}

# What FastAPI imports of pydantic 1 is in neither package: see stacks/bundle.py.
_AS_PACKAGED = "import sys; sys.modules['pydantic.v1'] = None\n"
_TELL = "\nimport sys; print(*sys.modules)"
_BARE = """
from fastapi import FastAPI
from mangum import Mangum
app = FastAPI()
@app.get("/health")
async def health():
    return {"status": "ok"}
handler = Mangum(app, lifespan="off")
"""
_OURS = "import app.handler"


def imported(program: str) -> set[str]:
    """Return the modules of a fresh process that ran a program, as a deployed function would."""
    done = subprocess.run(
        [sys.executable, "-c", f"{_AS_PACKAGED}{program}{_TELL}"],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "SERVICES": "netprobe=/"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def heavy(modules: set[str]) -> dict[str, str]:
    """Return the heavy packages among modules, with the reason why a cold start does without them."""
    return {
        name: why
        for name, why in HEAVY.items()
        if any(module == name or module.startswith(f"{name}.") for module in modules)
    }


@pytest.fixture(scope="module")
def ours() -> set[str]:
    return imported(_OURS)


def test_nothing_heavy_is_imported_at_module_level(ours: set[str]) -> None:
    assert heavy(ours) == {}, "import it in the function that needs it"


def test_the_count_stays_within_its_budget(ours: set[str]) -> None:
    extra = ours - imported(_BARE)

    assert len(extra) <= BUDGET, f"{len(extra)} modules beyond the bare app: {', '.join(sorted(extra))}"


def test_a_heavy_import_is_seen(ours: set[str]) -> None:
    assert heavy(imported(f"{_OURS}; import uvicorn")) == {"uvicorn": HEAVY["uvicorn"]}
    assert heavy(ours | {"dns.resolver"}) == {"dns": HEAVY["dns"]}
    assert heavy({"dnslib", "h11_extra"}) == {}
