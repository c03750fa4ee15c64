"""Behaviour that data cannot say, by the name that a type's facts give it."""

from __future__ import annotations

from sandbox.control.facts import ResourceType
from sandbox.control.hooks.acm import Certificate, CertificateValidation
from sandbox.control.hooks.apigateway import RestApi, RestDeployment, RestStage
from sandbox.control.hooks.base import Hook
from sandbox.control.hooks.dynamodb import Table
from sandbox.control.hooks.ec2 import DefaultSecurityGroup, Eip, NatGateway, Route, Subnet, Vpc
from sandbox.control.hooks.ecs import EcsService, TaskDefinition
from sandbox.control.hooks.efs import FileSystem
from sandbox.control.hooks.eks import AccessEntry, AccessPolicyAssociation, Addon, Cluster
from sandbox.control.hooks.kubernetes import KubernetesObject, Namespace, Release
from sandbox.control.hooks.lambda_ import Alias, EventSourceMapping, Function
from sandbox.control.hooks.lb import Listener, ListenerRule, LoadBalancer, TargetGroup
from sandbox.control.hooks.rds import Database
from sandbox.control.hooks.s3 import BucketNotification
from sandbox.control.hooks.scheduler import Schedule

HOOKS: dict[str, Hook] = {
    "alias": Alias(),
    "bucket_notification": BucketNotification(),
    "certificate": Certificate(),
    "certificate_validation": CertificateValidation(),
    "database": Database(),
    "default_security_group": DefaultSecurityGroup(),
    "ecs_service": EcsService(),
    "eip": Eip(),
    "eks_access_entry": AccessEntry(),
    "eks_access_policy_association": AccessPolicyAssociation(),
    "eks_addon": Addon(),
    "eks_cluster": Cluster(),
    "event_source_mapping": EventSourceMapping(),
    "file_system": FileSystem(),
    "function": Function(),
    "kubernetes_namespace": Namespace(),
    "kubernetes_object": KubernetesObject(),
    "listener": Listener(),
    "listener_rule": ListenerRule(),
    "load_balancer": LoadBalancer(),
    "nat_gateway": NatGateway(),
    "rest_api": RestApi(),
    "rest_deployment": RestDeployment(),
    "rest_stage": RestStage(),
    "release": Release(),
    "route": Route(),
    "schedule": Schedule(),
    "subnet": Subnet(),
    "table": Table(),
    "target_group": TargetGroup(),
    "task_definition": TaskDefinition(),
    "vpc": Vpc(),
}
_NONE = Hook()


def hook_of(kind: ResourceType) -> Hook:
    """Return the hook of a type; a name that stands for none is a mistake in the facts."""
    return HOOKS[kind.hook] if kind.hook else _NONE
