"""What runs in a task: one container of the service's image, described as ECS takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.iam import Grant
from components.links import environment
from components.service import ImageArtifact, ServiceArgs, Volume, WorkloadArgs

CONTAINER = "app"
"""Name of the one container."""

USER = "10001"
"""User the image is built for. A number, so that nothing has to look it up in the image."""

LONGEST_STOP = 120
"""Seconds that Fargate gives a container to end, at most."""

_SCRATCH = "tmp"
_DRAIN = 5
"""Seconds that the app, told to stop, goes on taking requests unless `DRAIN_SECONDS` says otherwise."""
_ARCHITECTURES = {"arm64": "ARM64", "x86_64": "X86_64"}

# Asks the app itself, by the same settings it listens by; the image has Python but need not have curl.
_ANSWERS = (
    "import http.client,os,sys;"
    "c=http.client.HTTPConnection('127.0.0.1',int(os.environ['PORT']),timeout=4);"
    "c.request('GET',os.environ['HEALTH_PATH']);"
    "sys.exit(c.getresponse().status>=400)"
)


@dataclass(frozen=True, kw_only=True)
class Program:
    """What the container of a task runs and how ECS deals with it.

    `environment` is what it is told beside what its service is; `port`, where it listens, if it does. `alive` is a
    command that fails when the program no longer works. Asked to end, it has `stop_seconds`.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    alive: Sequence[str]
    stop_seconds: int


def server(args: ServiceArgs) -> Program:
    """Return the program that answers requests."""
    return Program(
        environment={"PORT": str(args.port), "HEALTH_PATH": args.health_path},
        port=args.port,
        alive=("python3", "-c", _ANSWERS),
        # A request that is under way when the task no longer takes any may take its time.
        stop_seconds=args.timeout + _DRAIN + 2,
    )


def task_definition(
    parent: Component,
    args: WorkloadArgs,
    *,
    program: Program,
    image: ImageArtifact,
    execution: Grant,
    task: Grant,
    log_group: aws.cloudwatch.LogGroup,
    region: pulumi.Input[str],
    start_period: int,
    writable: bool,
) -> aws.ecs.TaskDefinition:
    """Create the task definition of a service; any change registers a new revision.

    The root file system can be written to only when `writable`; `/tmp` can be always, provided that the image declares
    it as a volume its user may write to (a volume takes its owner and mode from the image).
    """
    container = _container(
        args,
        program=program,
        image=image,
        log_group=log_group,
        region=region,
        start_period=start_period,
        writable=writable,
    )
    volumes = [_efs_volume(volume) for volume in args.volumes]
    if not writable:
        volumes.append(aws.ecs.TaskDefinitionVolumeArgs(name=_SCRATCH))
    return aws.ecs.TaskDefinition(
        parent.child_name(),
        family=parent.name,
        network_mode="awsvpc",
        requires_compatibilities=["FARGATE"],
        cpu=str(args.size.cpu),
        memory=str(args.size.memory),
        runtime_platform=aws.ecs.TaskDefinitionRuntimePlatformArgs(
            cpu_architecture=_ARCHITECTURES[args.architecture], operating_system_family="LINUX"
        ),
        execution_role_arn=execution.role.arn,
        task_role_arn=task.role.arn,
        container_definitions=pulumi.Output.json_dumps([container], sort_keys=True),
        volumes=volumes,
        tags=parent.tags(),
        opts=parent.opts(),
    )


def _container(
    args: WorkloadArgs,
    *,
    program: Program,
    image: ImageArtifact,
    log_group: aws.cloudwatch.LogGroup,
    region: pulumi.Input[str],
    start_period: int,
    writable: bool,
) -> Mapping[str, object]:
    variables = environment(args, **program.environment)
    container: dict[str, object] = {
        "name": CONTAINER,
        "image": image.reference,
        "essential": True,
        "user": USER,
        "readonlyRootFilesystem": not writable,
        "portMappings": []
        if program.port is None
        else [{"containerPort": program.port, "hostPort": program.port, "protocol": "tcp"}],
        "environment": [{"name": name, "value": value} for name, value in sorted(variables.items())],
        "secrets": [
            {"name": secret.name, "valueFrom": secret.reference}
            for secret in sorted(args.all_secrets, key=lambda secret: secret.name)
        ],
        "mountPoints": _mounts(args.volumes, writable=writable),
        "linuxParameters": {"initProcessEnabled": True},
        "stopTimeout": min(LONGEST_STOP, program.stop_seconds),
        "healthCheck": {
            "command": ["CMD", *program.alive],
            "interval": 30,
            "timeout": 5,
            "retries": 3,
            "startPeriod": start_period,
        },
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": log_group.name,
                "awslogs-region": region,
                "awslogs-stream-prefix": CONTAINER,
                # When logs cannot be delivered, lines are lost rather than requests held up.
                "mode": "non-blocking",
                "max-buffer-size": "25m",
            },
        },
    }
    if image.entry_point:
        container["entryPoint"] = list(image.entry_point)
    if image.command:
        container["command"] = list(image.command)
    return container


def _mounts(volumes: Sequence[Volume], *, writable: bool) -> list[dict[str, object]]:
    mounts = [(volume.name, volume.path) for volume in volumes]
    if not writable:
        mounts.append((_SCRATCH, "/tmp"))  # noqa: S108 - the container's, and its only writable folder
    return [{"sourceVolume": name, "containerPath": path, "readOnly": False} for name, path in mounts]


def _efs_volume(volume: Volume) -> aws.ecs.TaskDefinitionVolumeArgs:
    access_point = pulumi.Output.from_input(volume.access_point_arn).apply(lambda arn: arn.rpartition("/")[2])
    return aws.ecs.TaskDefinitionVolumeArgs(
        name=volume.name,
        efs_volume_configuration=aws.ecs.TaskDefinitionVolumeEfsVolumeConfigurationArgs(
            file_system_id=volume.file_system_id,
            transit_encryption="ENABLED",
            authorization_config=aws.ecs.TaskDefinitionVolumeEfsVolumeConfigurationAuthorizationConfigArgs(
                access_point_id=access_point, iam="ENABLED"
            ),
        ),
    )
