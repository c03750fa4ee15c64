"""Sources that are rewritten: once, by a table and a model whose work is looked through."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest

from app.core.messages import Message
from tests.app.cloud import Cloud
from tests.app.granted import differences, granted, recorded
from tests.app.providers import Answer, Providers, completion, refused
from tests.app.rewriter.conftest import Start
from tests.app.rewriter.test_mending import NEW, OLD

REWRITE = "/rewriter/rewrite"
SHORT = "contract A { function f(uint a) public { now; } }"
MENDED = "contract A { function f(uint a) public { block.timestamp; } }"


def job(source: str) -> Message:
    key = hashlib.sha256(source.encode()).hexdigest()
    return Message(trigger="jobs", id="1", body={"hash": key}, attempts=1, sent=datetime.now(UTC), key="1")


def written(source: str) -> Answer:
    return completion(json.dumps({"source": source, "changes": [], "explanation": ""}))


def test_without_a_key_the_table_rewrites_alone(start: Start, providers: Providers) -> None:
    rewrite = start(OPENAI_API_KEY="", GEMINI_API_KEY="").ask("POST", REWRITE, {"source": OLD}).json()
    assert rewrite["source"] == NEW
    assert len(rewrite["changes"]) == 7
    assert (rewrite["explanation"], rewrite["cost_usd"], rewrite["complete"]) == (None, 0, True)
    assert rewrite["notes"] == ["No model was asked: there is no key for one."]
    assert providers.asked == []


def test_a_model_goes_on_from_there(start: Start, providers: Providers) -> None:
    service = start()
    rewrite = service.ask("POST", REWRITE, {"source": SHORT}).json()
    assert providers.models() == [("openai", "gpt-6-luna")]
    assert providers.asked[0].source == MENDED
    assert rewrite["source"] == f"// Looked at.\n{MENDED}"
    assert [change["origin"] for change in rewrite["changes"]] == ["table", "model"]
    assert rewrite["explanation"] == "It was sound."
    assert service.ask("POST", REWRITE, {"source": SHORT}).json()["cached"]
    [listed] = service.ask("GET", "/rewriter/results").json()["results"]
    assert listed["changes"] == 2


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("contract A { function f(uint a) public }", "gpt-6-luna writes what is no Solidity in line 1."),
        ("contract A { function g(uint a) public { } }", "gpt-6-luna leaves out A.f(uint)."),
        ("contract A { function f(uint a) internal { } }", "gpt-6-luna leaves out A.f(uint)."),
        ("contract B { function f(uint a) public { } }", "gpt-6-luna leaves out A."),
        ("", "gpt-6-luna leaves out A."),
    ],
)
def test_what_does_not_parse_or_breaks_callers_is_not_taken(
    start: Start, providers: Providers, source: str, said: str
) -> None:
    providers.then("openai", written(source))
    rewrite = start().ask("POST", REWRITE, {"source": SHORT}).json()
    assert providers.models() == [("openai", "gpt-6-luna"), ("openai", "gpt-6-sol")]
    assert rewrite["notes"] == [said]
    assert rewrite["source"] == f"// Looked at.\n{MENDED}"


def test_a_source_that_nobody_can_read_may_become_one(start: Start, providers: Providers) -> None:
    providers.then("openai", written("contract A { }"))
    rewrite = start().ask("POST", REWRITE, {"source": "contract A {"}).json()
    assert (rewrite["source"], rewrite["notes"]) == ("contract A { }", [])


def test_when_no_model_answers_the_table_does(start: Start, providers: Providers) -> None:
    providers.then("openai", refused(503))
    providers.then("gemini", refused(503))
    rewrite = start(REWRITER_MODEL_RETRIES="0").ask("POST", REWRITE, {"source": SHORT}).json()
    assert (rewrite["source"], rewrite["complete"]) == (MENDED, False)
    assert rewrite["notes"][-1] == "No model's work is in this; the changes are those of the table."


def test_the_manifest_grants_what_the_code_calls_and_nothing_else(start: Start, cloud: Cloud) -> None:
    long = SHORT + "//" + "x" * 600
    with recorded() as called:
        service = start()
        for source in (SHORT, long):
            service.ask("POST", REWRITE, {"source": source})
        service.consume(job(long))
        assert service.ask("POST", REWRITE, {"source": long}).json()["cached"]
        service.ask("GET", "/rewriter/results")
    assert differences(called, granted("rewriter")) == []
