"""Sources that are sent: analyzed once, by rules and a model, at once or as a job."""

from __future__ import annotations

import hashlib
import json
import threading
from datetime import UTC, datetime

import pytest

from app.core.messages import Message, Rejected
from tests.app.cloud import Cloud
from tests.app.contracts.conftest import LONG, REVIEW, SHORT, Start
from tests.app.contracts.weaknesses import PAIRS
from tests.app.providers import Answer, Asked, Providers, completion

PROBLEM = "application/problem+json"
ANALYZE = "/contracts/analyze"
WEAK = PAIRS["tx-origin"][0][0]


def digest(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


def job(source: str) -> Message:
    return Message(trigger="jobs", id="1", body={"hash": digest(source)}, attempts=1, sent=datetime.now(UTC), key="1")


def test_without_a_key_the_rules_answer_alone(start: Start, providers: Providers) -> None:
    answer = start(OPENAI_API_KEY="", GEMINI_API_KEY="").ask("POST", ANALYZE, {"source": WEAK})
    assert answer.status_code == 200
    analysis = answer.json()
    assert analysis["hash"] == digest(WEAK)
    assert "tx-origin" in {finding["rule"] for finding in analysis["findings"]}
    assert {finding["origin"] for finding in analysis["findings"]} == {"rules"}
    assert (analysis["summary"], analysis["asked"], analysis["cost_usd"]) == (None, [], 0)
    assert analysis["complete"]
    assert analysis["notes"] == ["No model was asked: there is no key for one."]
    assert providers.asked == []


def test_a_short_source_is_answered_at_once_with_the_help_of_the_cheap_model(
    start: Start, providers: Providers
) -> None:
    answer = start().ask("POST", ANALYZE, {"source": SHORT})
    assert answer.status_code == 200
    analysis = answer.json()
    assert analysis["summary"] == REVIEW["summary"]
    assert [(each["rule"], each["title"], each["origin"]) for each in analysis["findings"]] == [
        ("review", "Idle", "model")
    ]
    assert providers.models() == [("openai", "gpt-6-luna")]
    # 100 tokens at 0.10 and 50 at 0.50 USD per million.
    assert analysis["asked"] == [
        {"provider": "openai", "model": "gpt-6-luna", "outcome": "answered", "cost_usd": 0.000035}
    ]
    assert analysis["cost_usd"] == 0.000035


def test_what_is_known_is_told_again(start: Start, providers: Providers) -> None:
    service = start()
    first, second = (service.ask("POST", ANALYZE, {"source": SHORT}).json() for _ in range(2))
    assert (first["cached"], second["cached"]) == (False, True)
    assert first == second | {"cached": False}
    assert len(providers.asked) == 1
    assert service.ask("GET", f"/contracts/results/{digest(SHORT)}").json() == second


def test_a_long_source_is_a_job_for_the_worker(start: Start, cloud: Cloud, providers: Providers) -> None:
    service = start()
    answer = service.ask("POST", ANALYZE, {"source": LONG})
    assert (answer.status_code, answer.headers["location"]) == (202, f"jobs/{digest(LONG)}")
    assert answer.json() == {"hash": digest(LONG), "state": "waiting", "result": None}
    place = str(answer.url.join(answer.headers["location"]).path)
    assert service.ask("GET", place).json()["state"] == "waiting"
    assert providers.asked == []

    assert service.ask("POST", ANALYZE, {"source": LONG}).status_code == 202
    [message] = cloud.messages("jobs")
    assert json.loads(message["Body"]) == {"hash": digest(LONG)}

    service.consume(job(LONG))
    done = service.ask("GET", place).json()
    assert done == {"hash": digest(LONG), "state": "done", "result": f"../results/{digest(LONG)}"}
    assert providers.models() == [("openai", "gpt-6-sol")]
    assert service.ask("POST", ANALYZE, {"source": LONG}).json()["summary"] == REVIEW["summary"]
    assert cloud.items("work")[0]["id"]["S"].startswith("spent#"), "the source is forgotten with the job"
    assert len(cloud.items("work")) == 1


def test_duplicate_messages_cost_nothing(start: Start, providers: Providers) -> None:
    service = start()
    service.ask("POST", ANALYZE, {"source": LONG})
    for _ in range(3):
        service.consume(job(LONG))
    assert len(providers.asked) == 1


@pytest.mark.parametrize("body", [{"hash": "0" * 64}, {"hash": "x"}, {}, "text", None])
def test_a_message_that_cannot_be_done_is_rejected_with_a_reason(start: Start, body: object) -> None:
    message = Message(trigger="jobs", id="1", body=body, attempts=1, sent=datetime.now(UTC), key="1")
    with pytest.raises(Rejected, match=r"source|hash|body"):
        start().consume(message)


def test_a_caller_may_wait_for_a_job(start: Start, providers: Providers) -> None:
    service = start()
    answer = service.ask("POST", ANALYZE, {"source": LONG}, prefer="wait=1")
    assert answer.status_code == 202
    service.consume(job(LONG))
    assert service.ask("POST", ANALYZE, {"source": LONG}, prefer="wait=1").status_code == 200


def test_a_caller_may_not_want_to_wait(start: Start, cloud: Cloud, providers: Providers) -> None:
    assert start().ask("POST", ANALYZE, {"source": SHORT}, prefer="respond-async").status_code == 202
    assert len(cloud.messages("jobs")) == 1
    assert providers.asked == []


def test_what_takes_too_long_becomes_a_job(start: Start, cloud: Cloud, providers: Providers) -> None:
    providers.then("openai", Answer(hang=True))
    service = start(CONTRACTS_WAIT_SECONDS="1")
    assert service.ask("POST", ANALYZE, {"source": SHORT}).status_code == 202
    assert len(cloud.messages("jobs")) == 1
    service.consume(job(SHORT))
    assert service.ask("POST", ANALYZE, {"source": SHORT}).status_code == 200


def test_two_at_once_ask_once(start: Start, cloud: Cloud, providers: Providers) -> None:
    providers.usual = lambda asked: Answer(body=completion(json.dumps(REVIEW)).body, wait=0.3)
    first, second = start(), start()
    request = [("POST", ANALYZE, {"source": SHORT})]
    answers = [*first.ask_all(request * 5), *second.ask_all(request * 5)]
    assert {answer.status_code for answer in answers} == {200}
    assert len(providers.asked) == 1
    assert len({answer.json()["created"] for answer in answers}) == 1


def test_a_hundred_at_once_take_about_as_long_as_one(start: Start, providers: Providers) -> None:
    together = 100
    everybody = threading.Barrier(together)

    def usual(asked: Asked) -> Answer:
        # Nobody is answered before all have asked: one after the other would end in a broken barrier.
        everybody.wait(30)
        return completion(json.dumps(REVIEW))

    providers.usual = usual
    service = start()
    answers = service.ask_all([("POST", ANALYZE, {"source": f"{SHORT} // {n}"}) for n in range(together)])
    assert [answer.status_code for answer in answers] == [200] * together
    assert all(answer.json()["complete"] for answer in answers)
    assert providers.at_once == together


def test_results_are_listed_page_by_page(start: Start) -> None:
    service = start(OPENAI_API_KEY="", GEMINI_API_KEY="")
    sent = [f"{SHORT} // {number}" for number in range(5)]
    for source in sent:
        service.ask("POST", ANALYZE, {"source": source})
    found, cursor = [], ""
    while True:
        page = service.ask("GET", f"/contracts/results?limit=2{cursor}").json()
        found += page["results"]
        if not page["next"]:
            break
        cursor = f"&cursor={page['next']}"
    assert [result["hash"] for result in found] == [digest(source) for source in reversed(sent)]
    assert found[0] | {"created": ""} == {
        "hash": digest(sent[-1]),
        "created": "",
        "cost_usd": 0,
        "findings": 0,
        "gravest": "none",
    }


@pytest.mark.parametrize("cursor", ["x", "g" * 80, "0" * 79, "é", "%00", "0" * 80 + "%0A"])
def test_a_cursor_of_somebody_s_own_is_refused(start: Start, cursor: str) -> None:
    answer = start().ask("GET", f"/contracts/results?cursor={cursor}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)


@pytest.mark.parametrize("cursor", ["0" * 80, "f" * 80, "0" * 16 + "f" * 64])
def test_every_place_is_one_to_go_on_from(start: Start, cursor: str) -> None:
    service = start(OPENAI_API_KEY="", GEMINI_API_KEY="")
    service.ask("POST", ANALYZE, {"source": SHORT})
    page = service.ask("GET", f"/contracts/results?cursor={cursor}")
    assert page.status_code == 200
    assert len(page.json()["results"]) == (1 if cursor.startswith("f") else 0)


def test_days_without_results_are_passed_a_few_at_a_time(start: Start) -> None:
    service = start(CONTRACTS_KEEP_DAYS="25")
    pages, cursor = 0, ""
    while True:
        page = service.ask("GET", f"/contracts/results{cursor}").json()
        pages += 1
        assert page["results"] == []
        if not page["next"]:
            break
        cursor = f"?cursor={page['next']}"
    assert pages == 3


def test_what_is_not_there_is_not_found(start: Start) -> None:
    service = start()
    for path in ("results", "jobs"):
        answer = service.ask("GET", f"/contracts/{path}/{'0' * 64}")
        assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)
        assert "send the source" in answer.json()["detail"]


def test_a_source_of_5_mb_is_too_long_for_a_request(start: Start) -> None:
    answer = start().ask("POST", ANALYZE, {"source": "x" * 5_000_000})
    assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM)


def test_a_source_that_a_job_could_not_hold_is_refused_with_a_way_out(start: Start) -> None:
    answer = start(MAX_BODY_BYTES="700000").ask("POST", ANALYZE, {"source": "ä" * 140_000})
    assert answer.status_code == 413
    assert "upload a longer one" in answer.json()["detail"]


def test_text_that_is_none_is_refused(start: Start) -> None:
    assert start().ask("POST", ANALYZE, {"source": ""}).status_code == 422
    assert start().ask("POST", ANALYZE, {"source": "contract", "x": 1}).status_code == 422


def test_half_a_surrogate_pair_is_refused(start: Start, providers: Providers) -> None:
    service = start()
    client = service._client
    assert client is not None
    answer = service.wait(
        client.post(ANALYZE, content=b'{"source": "\\ud800"}', headers={"content-type": "application/json"})
    )
    assert answer.status_code == 422


@pytest.mark.parametrize("source", ["hello", "// nothing\n", "pragma solidity 0.8.30;"])
def test_no_model_is_asked_about_what_is_no_contract(start: Start, providers: Providers, source: str) -> None:
    analysis = start().ask("POST", ANALYZE, {"source": source}).json()
    assert analysis["notes"] == ["No model was asked: there is no contract and no function in this."]
    assert providers.asked == []


def test_a_source_that_is_too_long_for_models_is_left_to_the_rules(start: Start, providers: Providers) -> None:
    analysis = start(CONTRACTS_LONGEST_SOURCE="100").ask("POST", ANALYZE, {"source": LONG}).json()
    assert analysis["notes"] == ["No model was asked: the source has more than 100 characters."]
    assert analysis["complete"]
    assert providers.asked == []


def test_new_keys_have_known_sources_looked_at_again(start: Start, providers: Providers) -> None:
    assert start(OPENAI_API_KEY="", GEMINI_API_KEY="").ask("POST", ANALYZE, {"source": SHORT}).json()["summary"] is None
    assert start().ask("POST", ANALYZE, {"source": SHORT}).json()["summary"] == REVIEW["summary"]
    assert start(OPENAI_API_KEY="").ask("POST", ANALYZE, {"source": SHORT}).json()["cached"]
