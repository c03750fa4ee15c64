"""Functions of the account, really called: their package, their environment, their deadline, their errors."""

from __future__ import annotations

import json
import platform
import re
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.control.account import Account
from sandbox.control.errors import Refusal
from sandbox.control.wire import SIGNATURE, Value
from sandbox.data import environment
from sandbox.data.errors import DataError
from sandbox.data.invocation import Outcome, invoke

if TYPE_CHECKING:
    from tests.sandbox.conftest import Made
    from tests.sandbox.data.conftest import Place

pytestmark = pytest.mark.e2e

INVOCATION = "aws:lambda/invocation:Invocation"
FUNCTION = "aws:lambda/function:Function"
ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
HERE = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
ELSEWHERE = {"arm64": "x86_64", "x86_64": "arm64"}[HERE]
RUNTIME = f"python3.{sys.version_info.minor}"
CODE = """
import os, sys, time

def answer(event, context):
    print("called with", event)
    return {"event": event, "name": context.function_name, "left": context.get_remaining_time_in_millis() <= 1000,
            "told": os.environ["TOLD"], "endpoint": os.environ["AWS_ENDPOINT_URL"], "path": sys.path[0]}

def fail(event, context):
    raise ValueError("the schema is wrong")

def hang(event, context):
    time.sleep(60)

def leave(event, context):
    os._exit(7)

def unsayable(event, context):
    return object()

def borrow(event, context):
    import package
    return package.WHOSE

def parse(event, context):
    import yaml
    return yaml.safe_load("a: 1")

def stray(event, context):
    import sandbox
"""


@pytest.fixture(scope="module")
def role(place: Place) -> Made:
    return place.cloud.create("aws:iam/role:Role", "runs", assumeRolePolicy='{"Version": "2012-10-17"}')


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package") / "function.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("app/__init__.py", "")
        archive.writestr("app/code.py", CODE)
        archive.writestr("package/__init__.py", "WHOSE = 'its own'")
        archive.writestr("package-1.0.dist-info/METADATA", "Name: package")
        # Made for another processor, it would not load.
        archive.writestr("yaml/__init__.py", "raise ImportError('built for another processor')")
        archive.writestr("yaml/_yaml.cpython-39-other.so", "machine code")
        archive.writestr(f"PyYAML-{version('PyYAML')}.dist-info/METADATA", "Name: PyYAML")
    return path


class Caller:
    """Makes functions of one package and calls them."""

    def __init__(self, place: Place, role: Made, package: Path) -> None:
        self.place, self.role, self.package = place, role, package
        self.log = package.with_name("log")

    def make(self, name: str, handler: str, /, **settings: Value) -> Made:
        told: dict[str, Value] = {
            "role": self.role.outputs["arn"],
            "code": {SIGNATURE: ARCHIVE, "hash": "", "path": str(self.package)},
            "handler": f"app.code.{handler}",
            "runtime": RUNTIME,
            "architectures": [HERE],
            "timeout": 30,
            "environment": {"variables": {"TOLD": "by the account"}},
            **settings,
        }
        return self.place.cloud.create(
            FUNCTION, name, **{key: value for key, value in told.items() if value is not None}
        )

    def call(self, function: Made, event: str = "{}", checkout: Path | None = None) -> Outcome:
        account = Account(self.place.folder)
        found = account.get(FUNCTION, function.id)
        account.close()
        assert found is not None
        return invoke(self.place.folder, found, event, self.log, checkout or Path.cwd())


@pytest.fixture(scope="module")
def caller(place: Place, role: Made, package: Path) -> Caller:
    return Caller(place, role, package)


def test_a_function_runs_its_package_with_its_environment(caller: Caller) -> None:
    function = caller.make("answers", "answer", timeout=1)
    outcome = caller.call(function, '{"key": [1, "ü"]}')
    assert not outcome.failed
    told = json.loads(outcome.payload)
    assert told["event"] == {"key": [1, "ü"]}
    assert told["name"] == function.outputs["name"]
    assert told["left"]
    assert told["told"] == "by the account"
    assert told["endpoint"] == caller.place.environment()["AWS_ENDPOINT_URL"]
    assert Path.cwd() not in Path(told["path"]).parents
    log = caller.log.read_text()
    assert "called with {'key': [1, 'ü']}" in log
    assert "START RequestId" in log
    assert "REPORT RequestId" in log


@pytest.mark.parametrize(
    ("handler", "timeout", "kind", "message"),
    [
        ("fail", 30, "ValueError", "the schema is wrong"),
        ("hang", 1, "Sandbox.Timedout", "RequestId: {id} Error: Task timed out after 1.00 seconds"),
        ("leave", 30, "Runtime.ExitError", "RequestId: {id} Error: Runtime exited with error: exit status 7"),
        (
            "unsayable",
            30,
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type object is not JSON serializable",
        ),
        ("stray", 30, "ModuleNotFoundError", "No module named 'sandbox'"),
        ("absent", 30, "Runtime.HandlerNotFound", "Handler 'absent' missing on module 'app.code'"),
    ],
)
def test_errors_are_told_as_lambda_tells_them(
    caller: Caller, handler: str, timeout: int, kind: str, message: str
) -> None:
    outcome = caller.call(caller.make(f"errs-{handler}", handler, timeout=timeout))
    assert outcome.failed
    told = json.loads(outcome.payload)
    assert told["errorType"] == kind
    assert re.sub(r"(?<=RequestId: )\S+", "{id}", told["errorMessage"]) == message
    if handler == "fail":
        assert "in fail" in told["stackTrace"][-1]
        assert "bootstrap.py" not in "".join(told["stackTrace"])


def test_packages_for_another_processor_are_replaced_and_the_log_says_so(caller: Caller) -> None:
    caller.log.unlink(missing_ok=True)
    function = caller.make("elsewhere", "parse", architectures=[ELSEWHERE])
    assert caller.call(function) == Outcome('{"a": 1}')
    log = caller.log.read_text()
    assert f"The package is for {RUNTIME} on {ELSEWHERE}; this is {RUNTIME} on {platform.machine()}: 1 of its" in log
    assert f"[sandbox]   PyYAML {version('PyYAML')}\n" in log


def test_an_image_runs_the_app_of_the_checkout(caller: Caller, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "migrate.py").write_text("def lambda_handler(event, context):\n    return 'the checkout'\n")
    function = caller.make(
        "image",
        "",
        packageType="Image",
        imageUri="123456789012.dkr.ecr.us-east-1.amazonaws.com/modeshift:1",
        imageConfig={"commands": ["app.migrate.lambda_handler"]},
        handler=None,
        runtime=None,
        code=None,
    )
    assert caller.call(function, checkout=tmp_path) == Outcome('"the checkout"')


def test_a_package_that_is_gone_is_explained(caller: Caller) -> None:
    gone: dict[str, Value] = {SIGNATURE: ARCHIVE, "hash": "", "path": "/nowhere/function.zip"}
    function = caller.make("gone", "answer", code=gone)
    with pytest.raises(DataError, match=r"is not here: /nowhere/function\.zip\. Bring the stack up again"):
        caller.call(function)


def test_a_workload_is_found_by_its_name_and_says_what_there_is(caller: Caller) -> None:
    caller.make("dev-users", "answer")
    found = environment.workload(caller.place.folder, "dev-users", "lambda")
    assert (found.handler, found.environment["TOLD"]) == ("app.code.answer", "by the account")
    with pytest.raises(DataError, match=r"Nothing that runs on lambda is called dev-user; there is: .*dev-users"):
        environment.workload(caller.place.folder, "dev-user", "lambda")


def test_a_task_gets_its_secrets_its_files_and_a_python_of_this_machine(place: Place, role: Made) -> None:
    secret = place.cloud.create("aws:secretsmanager/secret:Secret", "keys")
    arn = str(secret.outputs["arn"])
    container = {
        "name": "app",
        "image": "app:1",
        "entryPoint": ["python3", "-m", "app.worker"],
        "environment": [{"name": "FILES_PATH", "value": "/mnt/files"}, {"name": "AWS_REGION", "value": "us-east-1"}],
        "secrets": [{"name": "KEY", "valueFrom": f"{arn}:KEY::"}, {"name": "ALL", "valueFrom": arn}],
        "mountPoints": [{"sourceVolume": "files", "containerPath": "/mnt/files"}],
    }
    place.cloud.create(
        "aws:ecs/taskDefinition:TaskDefinition",
        "dev-users-worker",
        family="dev-users-worker",
        executionRoleArn=role.outputs["arn"],
        containerDefinitions=json.dumps([container]),
        volumes=[{"name": "files", "efsVolumeConfiguration": {"fileSystemId": "fs-0123"}}],
    )
    with pytest.raises(DataError, match=r"KEY cannot be had: the secret arn:.* has no value for KEY\."):
        environment.workload(place.folder, "dev-users-worker", "fargate")
    place.aws("secretsmanager").put_secret_value(SecretId=arn, SecretString='{"KEY": "k"}')
    found = environment.workload(place.folder, "dev-users-worker", "fargate")
    assert found.command == (sys.executable, "-m", "app.worker")
    assert (found.environment["KEY"], found.environment["ALL"]) == ("k", '{"KEY": "k"}')
    files = Path(found.environment["FILES_PATH"])
    assert files.is_dir()
    assert place.folder in files.parents


def test_a_call_that_fails_is_no_resource_and_one_that_succeeds_tells_its_result(caller: Caller) -> None:
    failing, answering = caller.make("migrates-not", "fail"), caller.make("migrates", "borrow")
    with pytest.raises(Refusal, match=r"Lambda function \(.*\) returned error: .*the schema is wrong.*Its log: "):
        caller.place.cloud.create(INVOCATION, "dev-users", functionName=failing.outputs["name"], input="{}")
    made = caller.place.cloud.create(INVOCATION, "dev-users", functionName=answering.outputs["name"], input="{}")
    assert made.outputs["result"] == '"its own"'
    read = caller.place.cloud.read(made.urn, made.id, made.outputs)
    assert read is not None
    assert read.outputs["result"] == '"its own"'
