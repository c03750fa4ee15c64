"""`modeshift bootstrap` in the sandbox: everything is made once, protected, and reaches no further than it must."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.e2e.conftest import Workspace

ENVIRONMENTS = ["dev", "prod", "staging"]
LONGEST_INLINE_POLICIES = 10_240
"""Characters that AWS takes for all inline policies of a role together, spaces not counted."""

pytestmark = pytest.mark.e2e


def settings(workspace: Workspace, **values: object) -> None:
    path = workspace.root / "bootstrap/Pulumi.shared.yaml"
    config: dict[str, object] = {"aws:region": "us-east-1", "modeshift:repository": "acme/app"}
    config |= {name if ":" in name else f"modeshift:{name}": value for name, value in values.items()}
    path.write_text(yaml.safe_dump({"config": config}))


def resources(workspace: Workspace, kind: str) -> list[dict[str, Any]]:
    state = workspace.root / ".modeshift/state/.pulumi/stacks/modeshift-bootstrap/shared.json"
    found = json.loads(state.read_text())["checkpoint"]["latest"]["resources"]
    return [resource for resource in found if resource["type"].endswith(f":{kind}")]


def policies(workspace: Workspace) -> dict[str, dict[str, Any]]:
    return {
        resource["urn"].rsplit("::", 1)[-1]: json.loads(resource["outputs"]["policy"])
        for resource in resources(workspace, "RolePolicy")
    }


def test_an_account_is_bootstrapped_once_and_stacks_live_beside_it(workspace: Workspace) -> None:
    settings(workspace)
    first = workspace.modeshift("bootstrap", "--yes", "--json")
    assert first.code == 0, first
    outputs = first.document["stacks"][0]["outputs"]
    assert outputs["backend"].startswith("s3://modeshift-state-")
    assert outputs["secretsProvider"].startswith("awskms:///arn:aws:kms:us-east-1:")
    assert sorted(outputs["deployRoles"]) == ENVIRONMENTS
    assert "nothing was created in AWS" in first.document["notice"]

    again = workspace.modeshift("bootstrap", "--yes", "--json")
    assert again.code == 0, again
    assert again.summary["same"] == first.summary["create"]

    shared = workspace.account()
    stack = workspace.modeshift("up", "--stack", "dev", "--yes", "--json")
    assert stack.code == 0, stack
    assert workspace.modeshift("bootstrap", "--yes", "--json").summary["same"] == first.summary["create"]
    gone = workspace.modeshift("destroy", "--stack", "dev", "--yes", "--json")
    assert gone.code == 0, gone
    assert workspace.account() == shared

    for kind in ("Bucket", "Key", "Repository"):
        (guarded,) = resources(workspace, kind)
        assert guarded["protect"], kind
        assert guarded["retainOnDelete"], kind
    (bucket,) = resources(workspace, "BucketServerSideEncryptionConfiguration")
    (rule,) = bucket["outputs"]["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "aws:kms"
    assert resources(workspace, "BucketVersioning")[0]["outputs"]["versioningConfiguration"]["status"] == "Enabled"

    trusts = {
        role["urn"].rsplit("::", 1)[-1]: json.loads(role["outputs"]["assumeRolePolicy"])["Statement"][0]["Condition"]
        for role in resources(workspace, "Role")
        if "modeshift-ci-" in role["urn"]
    }
    (logs,) = resources(workspace, "Account")
    assert ":role/modeshift-api-logs-" in logs["outputs"]["cloudwatchRoleArn"]
    subjects = {
        name: trust["StringEquals"]["token.actions.githubusercontent.com:sub"] for name, trust in trusts.items()
    }
    assert subjects == {
        "modeshift-ci-preview": ["repo:acme/app:pull_request", "repo:acme/app:ref:refs/heads/main"],
        "modeshift-ci-publish": ["repo:acme/app:ref:refs/heads/main"],
        **{f"modeshift-ci-deploy-{name}": [f"repo:acme/app:environment:{name}"] for name in ENVIRONMENTS},
    }


def test_roles_reach_their_own_environment_only(workspace: Workspace) -> None:
    settings(workspace, environments=["dev", "prod"], branches={"prod": ["main"]}, zones=["Z0123456789ABC"])
    assert workspace.modeshift("bootstrap", "--yes", "--json").code == 0
    documents = policies(workspace)
    assert sorted(documents) == [
        *("modeshift-ci-deploy-dev", "modeshift-ci-deploy-prod", "modeshift-ci-preview", "modeshift-ci-publish")
    ]
    for name, document in documents.items():
        assert len(json.dumps(document, separators=(",", ":"))) < LONGEST_INLINE_POLICIES, name

    writes = [
        action
        for statement in documents["modeshift-ci-preview"]["Statement"]
        for action in statement["Action"]
        if not action.split(":")[1].startswith(("Get", "List", "Describe", "GET", "Decrypt"))
    ]
    assert writes == []
    assert "prod" not in json.dumps(documents["modeshift-ci-deploy-dev"])
    published = [action for one in documents["modeshift-ci-publish"]["Statement"] for action in one["Action"]]
    assert {action.split(":")[0] for action in published} == {"ecr"}
    assert not any("Delete" in action for action in published)

    for statement in documents["modeshift-ci-deploy-dev"]["Statement"]:
        if "iam:PassRole" in statement["Action"]:
            assert statement["Resource"] == ["arn:aws:iam::123456789012:role/dev-*"]
            assert "lambda.amazonaws.com" in statement["Condition"]["StringEquals"]["iam:PassedToService"]
        reads_only = all(a.split(":")[1].startswith(("Get", "List", "Describe", "GET")) for a in statement["Action"])
        if "*" in statement["Resource"] and not reads_only:
            assert "Condition" in statement, statement["Action"]
            assert all("*" not in action for action in statement["Action"])

    (prod,) = [role for role in resources(workspace, "Role") if role["urn"].endswith("deploy-prod")]
    condition = json.loads(prod["outputs"]["assumeRolePolicy"])["Statement"][0]["Condition"]
    assert condition["StringLike"] == {"token.actions.githubusercontent.com:ref": ["refs/heads/main"]}


def test_an_oidc_provider_that_exists_is_used(workspace: Workspace) -> None:
    arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    settings(workspace, oidcProvider=arn)
    assert workspace.modeshift("bootstrap", "--yes", "--json").code == 0
    assert resources(workspace, "OpenIdConnectProvider") == []
    trusted = [
        json.loads(role["outputs"]["assumeRolePolicy"])["Statement"][0]["Principal"]
        for role in resources(workspace, "Role")
    ]
    assert {"Service": "apigateway.amazonaws.com"} in trusted
    assert {each["Federated"] for each in trusted if "Federated" in each} == {arn}
