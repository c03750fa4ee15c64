"""The cluster: where tasks may run and who can see what was done in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.cluster import Cluster

Deploy = Callable[[Callable[[], Any]], Any]

KEY = "arn:aws:kms:us-east-1:123456789012:key/k"


@pytest.mark.parametrize("insights", ["disabled", "enabled", "enhanced"])
def test_container_insights_are_what_was_chosen(deploy: Deploy, insights: Any) -> None:
    cluster = deploy(lambda: Cluster("dev", insights=insights)).one("ecs/cluster:Cluster")
    assert cluster.inputs["settings"] == [{"name": "containerInsights", "value": insights}]


def test_tasks_can_be_placed_on_fargate_and_on_spot(deploy: Deploy) -> None:
    recorded = deploy(lambda: Cluster("dev"))
    providers = recorded.one("ClusterCapacityProviders").inputs
    assert providers["capacityProviders"] == ["FARGATE", "FARGATE_SPOT"]
    assert providers["defaultCapacityProviderStrategies"] == [{"capacityProvider": "FARGATE", "weight": 100}]
    assert providers["clusterName"] == "dev-1a2b3c4"


def test_sessions_are_written_to_a_log_group_of_their_own(deploy: Deploy) -> None:
    recorded = deploy(lambda: Cluster("dev", log_retention_days=30))
    assert recorded.one("LogGroup").inputs["retentionInDays"] == 30
    exec_ = recorded.one("ecs/cluster:Cluster").inputs["configuration"]["executeCommandConfiguration"]
    assert exec_ == {
        "logging": "OVERRIDE",
        "logConfiguration": {"cloudWatchLogGroupName": "dev-exec-1a2b3c4", "cloudWatchEncryptionEnabled": False},
    }


def test_sessions_and_their_log_are_encrypted_with_the_key_that_is_given(deploy: Deploy) -> None:
    recorded = deploy(lambda: Cluster("dev", key_arn=KEY))
    assert recorded.one("LogGroup").inputs["kmsKeyId"] == KEY
    exec_ = recorded.one("ecs/cluster:Cluster").inputs["configuration"]["executeCommandConfiguration"]
    assert exec_["kmsKeyId"] == KEY
    assert exec_["logConfiguration"]["cloudWatchEncryptionEnabled"]
