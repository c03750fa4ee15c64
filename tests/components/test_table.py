"""Tables: keys, what protects them, and what a service that uses one may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.service import Link
from components.table import Table

Deploy = Callable[[Callable[[], Any]], Any]
Linked = Callable[[Callable[[], Link]], dict[str, Any]]

KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/dev-chat-history-1a2b3c4"


def table(**choices: Any) -> Table:
    given: dict[str, Any] = {"key": ["user", "time"], "attributes": {"time": "N", "user": "S"}, **choices}
    return Table("dev-chat-history", **given)


def indexed(**choices: Any) -> Table:
    return table(
        attributes={"session": "S", "time": "N", "user": "S"}, indexes={"by-session": ["session", "time"]}, **choices
    )


def made(deploy: Deploy, **choices: Any) -> Any:
    (found,) = (one for one in deploy(lambda: table(**choices)) if one.type == "aws:dynamodb/table:Table")
    return found


def test_a_table_is_paid_by_request_and_has_its_key(deploy: Deploy) -> None:
    found = made(deploy).inputs
    assert found["billingMode"] == "PAY_PER_REQUEST"
    assert (found["hashKey"], found["rangeKey"]) == ("user", "time")
    assert found["attributes"] == [{"name": "time", "type": "N"}, {"name": "user", "type": "S"}]
    assert "rangeKey" not in made(deploy, key=["user"], attributes={"user": "S"}).inputs


def test_the_last_35_days_can_be_had_back(deploy: Deploy) -> None:
    assert made(deploy).inputs["pointInTimeRecovery"] == {"enabled": True, "recoveryPeriodInDays": 35}


def test_a_table_is_protected_three_times_unless_it_is_for_a_try(deploy: Deploy) -> None:
    guarded, tried = made(deploy), made(deploy, guarded=False)
    assert (guarded.protect, guarded.retain, guarded.inputs["deletionProtectionEnabled"]) == (True, True, True)
    assert (tried.protect, tried.retain, tried.inputs["deletionProtectionEnabled"]) == (False, False, False)


def test_an_existing_table_is_taken_over_by_its_name_and_never_deleted(deploy: Deploy) -> None:
    taken = made(deploy, import_id="chats", guarded=False)
    assert taken.inputs["name"] == "chats"
    assert taken.import_id == "chats"
    assert taken.retain
    assert "name" not in made(deploy).inputs


def test_stream_and_time_to_live_are_off_unless_asked_for(deploy: Deploy) -> None:
    plain, full = made(deploy).inputs, made(deploy, stream=True, ttl="expires").inputs
    assert not plain["streamEnabled"]
    assert not {"streamViewType", "ttl"} & plain.keys()
    assert (full["streamEnabled"], full["streamViewType"]) == (True, "NEW_AND_OLD_IMAGES")
    assert full["ttl"] == {"enabled": True, "attributeName": "expires"}


def test_indexes_have_a_key_of_their_own_and_all_attributes(deploy: Deploy) -> None:
    (found,) = (one for one in deploy(indexed) if one.type == "aws:dynamodb/table:Table")
    (index,) = found.inputs["globalSecondaryIndexes"]
    assert index["name"] == "by-session"
    assert index["projectionType"] == "ALL"
    assert index["keySchemas"] == [
        {"attributeName": "session", "keyType": "HASH"},
        {"attributeName": "time", "keyType": "RANGE"},
    ]


def test_items_are_encrypted_with_the_key_that_is_given(deploy: Deploy) -> None:
    assert "serverSideEncryption" not in made(deploy).inputs
    assert made(deploy, key_arn=KEY).inputs["serverSideEncryption"] == {"enabled": True, "kmsKeyArn": KEY}


def test_the_order_in_which_a_program_names_things_is_no_difference(deploy: Deploy) -> None:
    kinds = {"user": "S", "time": "N", "a": "S", "b": "S"}
    indexes = {"x": ["a"], "y": ["b"]}
    one = made(deploy, attributes=kinds, indexes=indexes)
    other = made(deploy, attributes=dict(reversed(kinds.items())), indexes=dict(reversed(indexes.items())))
    assert one.inputs == other.inputs


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"key": []}, "the key of the table has 0 attributes"),
        ({"key": ["user", "time", "more"]}, "the key of the table has 3 attributes"),
        ({"indexes": {"by-day": []}}, "the key of index by-day has 0 attributes"),
        ({"indexes": {"by-day": ["day"]}}, "day: in a key but not in attributes"),
        ({"attributes": {"user": "S", "time": "N", "text": "S"}}, "text: in attributes but in no key"),
    ],
)
def test_keys_and_attributes_that_do_not_go_together_are_refused(
    deploy: Deploy, choices: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        deploy(lambda: table(**choices))


def test_a_link_says_where_the_table_is_and_allows_what_was_asked_for(linked: Linked) -> None:
    link = linked(lambda: table().link("history", actions=["PutItem", "GetItem"]))
    assert link["environment"] == {"HISTORY_TABLE": "dev-chat-history-1a2b3c4"}
    assert link["statements"] == [
        {"actions": ["dynamodb:PutItem", "dynamodb:GetItem"], "resources": [ARN], "conditions": {}}
    ]


def test_only_queries_and_scans_reach_indexes(linked: Linked) -> None:
    items, queries = linked(lambda: indexed().link("history", actions=["GetItem", "Query", "Scan"]))["statements"]
    assert (items["actions"], items["resources"]) == (["dynamodb:GetItem"], [ARN])
    assert queries["actions"] == ["dynamodb:Query", "dynamodb:Scan"]
    assert queries["resources"] == [ARN, f"{ARN}/index/by-session"]
    (all_of_it,) = linked(lambda: table().link("history", actions=["GetItem", "Query"]))["statements"]
    assert all_of_it["resources"] == [ARN]


def test_a_key_is_used_through_dynamodb_alone(linked: Linked) -> None:
    *_, key = linked(lambda: table(key_arn=KEY).link("history", actions=["GetItem"]))["statements"]
    assert key == {
        "actions": ["kms:Decrypt"],
        "resources": [KEY],
        "conditions": {"StringEquals": {"kms:ViaService": "dynamodb.us-east-1.amazonaws.com"}},
    }


@pytest.mark.parametrize(
    ("actions", "says"),
    [
        ([], "The table history: it allows nothing"),
        (["getItem"], "getItem is no action of a table"),
        (["DeleteTable"], "DeleteTable is no action of a table"),
        (["TransactWriteItems"], "write PutItem, UpdateItem, DeleteItem or ConditionCheckItem"),
    ],
)
def test_actions_that_iam_does_not_know_are_refused(deploy: Deploy, actions: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        deploy(lambda: table().link("history", actions=actions))
