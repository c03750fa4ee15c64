"""What AWS answers when it refuses, in the words that the provider passes on."""

from __future__ import annotations

import uuid
from typing import Literal

from sandbox.control.errors import Refusal
from sandbox.control.facts import ResourceType

Verb = Literal["create", "read", "update", "delete"]

_DOING = {"create": "creating", "read": "reading", "update": "updating", "delete": "deleting"}
# SDK service id and the provider's own name for it, where the module's name does not say both.
_SERVICES = {
    "acm": ("ACM", "ACM"),
    "apigateway": ("API Gateway", "API Gateway"),
    "apigatewayv2": ("ApiGatewayV2", "API Gateway v2"),
    "appautoscaling": ("Application Auto Scaling", "Application AutoScaling"),
    "cloudwatch": ("CloudWatch", "CloudWatch"),
    "dynamodb": ("DynamoDB", "DynamoDB"),
    "ec2": ("EC2", "EC2"),
    "kubernetes": ("Kubernetes", "Kubernetes"),
    "lambda": ("Lambda", "Lambda"),
    "lb": ("Elastic Load Balancing v2", "ELBv2"),
    "pipes": ("Pipes", "EventBridge Pipes"),
    "route53": ("Route 53", "Route 53"),
    "scheduler": ("Scheduler", "EventBridge Scheduler"),
    "secretsmanager": ("Secrets Manager", "Secrets Manager"),
    "vpc": ("EC2", "EC2"),
    "wafv2": ("WAFV2", "WAF"),
}
# Error code and text for a resource that is asked for and does not exist.
_MISSING = {
    "aws:cloudwatch/logGroup:LogGroup": (
        "ResourceNotFoundException",
        "The specified log group does not exist: {handle}",
    ),
    "aws:ec2/eip:Eip": ("InvalidAllocationID.NotFound", "The allocation ID '{handle}' does not exist"),
    "aws:ec2/internetGateway:InternetGateway": (
        "InvalidInternetGatewayID.NotFound",
        "The internetGateway ID '{handle}' does not exist",
    ),
    "aws:ec2/natGateway:NatGateway": ("NatGatewayNotFound", "The Nat Gateway {handle} was not found"),
    "aws:ec2/routeTable:RouteTable": (
        "InvalidRouteTableID.NotFound",
        "The routeTable ID '{handle}' does not exist",
    ),
    "aws:ec2/securityGroup:SecurityGroup": (
        "InvalidGroup.NotFound",
        "The security group '{handle}' does not exist",
    ),
    "aws:ec2/subnet:Subnet": ("InvalidSubnetID.NotFound", "The subnet ID '{handle}' does not exist"),
    "aws:ec2/vpc:Vpc": ("InvalidVpcID.NotFound", "The vpc ID '{handle}' does not exist"),
    "aws:ecs/cluster:Cluster": ("ClusterNotFoundException", "Cluster not found: {handle}"),
    "aws:ecs/taskDefinition:TaskDefinition": ("ClientException", "TaskDefinition not found: {handle}"),
    "aws:eks/cluster:Cluster": ("ResourceNotFoundException", "No cluster found for name: {handle}."),
    "aws:iam/role:Role": ("NoSuchEntity", "The role with name {handle} cannot be found"),
    "aws:kms/key:Key": ("NotFoundException", "Invalid keyId '{handle}'"),
    "aws:lambda/function:Function": ("ResourceNotFoundException", "Function not found: {handle}"),
    "aws:lb/listener:Listener": ("ListenerNotFound", "One or more listeners not found: {handle}"),
    "aws:lb/loadBalancer:LoadBalancer": ("LoadBalancerNotFound", "Load balancer '{handle}' not found"),
    "aws:lb/targetGroup:TargetGroup": ("TargetGroupNotFound", "Target group '{handle}' not found"),
    "aws:route53/zone:Zone": ("NoSuchHostedZone", "No hosted zone found with ID: {handle}"),
    "aws:sqs/queue:Queue": ("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist: {handle}"),
}
_TAKEN = {
    "aws:cloudwatch/logGroup:LogGroup": (
        "ResourceAlreadyExistsException",
        "The specified log group already exists: {name}",
    ),
    "aws:dynamodb/table:Table": ("ResourceInUseException", "Table already exists: {name}"),
    "aws:ec2/route:Route": ("RouteAlreadyExists", "The route identified by {name} already exists."),
    "aws:ec2/securityGroup:SecurityGroup": (
        "InvalidGroup.Duplicate",
        "The security group '{name}' already exists for this VPC",
    ),
    "aws:ecr/repository:Repository": (
        "RepositoryAlreadyExistsException",
        "The repository with name '{name}' already exists in the registry with id '123456789012'",
    ),
    "aws:ecs/service:Service": ("InvalidParameterException", "Creation of service was not idempotent: {name}"),
    "aws:eks/accessEntry:AccessEntry": (
        "ResourceInUseException",
        "The specified access entry resource is already in use on this cluster.",
    ),
    "aws:eks/addon:Addon": ("ResourceInUseException", "Addon already exists: {name}"),
    "aws:eks/cluster:Cluster": ("ResourceInUseException", "Cluster already exists with name: {name}"),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": (
        "ResourceInUseException",
        "Association already exists for the service account {name} of this namespace",
    ),
    "aws:iam/policy:Policy": (
        "EntityAlreadyExists",
        "A policy called {name} already exists. Duplicate names are not allowed.",
    ),
    "aws:iam/role:Role": ("EntityAlreadyExists", "Role with name {name} already exists."),
    "aws:kms/alias:Alias": ("AlreadyExistsException", "An alias with the name {name} already exists"),
    "aws:lambda/eventSourceMapping:EventSourceMapping": (
        "ResourceConflictException",
        "An event source mapping of this function with the event source {name} already exists.",
    ),
    "aws:lambda/function:Function": ("ResourceConflictException", "Function already exist: {name}"),
    "aws:lambda/permission:Permission": (
        "ResourceConflictException",
        (
            "The statement id ({name}) provided already exists. "
            "Please provide a new statement id, or remove the existing statement."
        ),
    ),
    "aws:lb/listener:Listener": (
        "DuplicateListener",
        "A listener already exists on this port for this load balancer: {name}",
    ),
    "aws:lb/listenerRule:ListenerRule": ("PriorityInUse", "Priority '{name}' is currently in use"),
    "aws:lb/loadBalancer:LoadBalancer": (
        "DuplicateLoadBalancerName",
        "A load balancer with the same name '{name}' exists, but with different settings",
    ),
    "aws:lb/targetGroup:TargetGroup": (
        "DuplicateTargetGroupName",
        "A target group with the same name '{name}' exists, but with different settings",
    ),
    "aws:s3/bucket:Bucket": (
        "BucketAlreadyOwnedByYou",
        "Your previous request to create the named bucket succeeded and you already own it: {name}",
    ),
    "aws:secretsmanager/secret:Secret": (
        "ResourceExistsException",
        "The operation failed because the secret {name} already exists.",
    ),
    "aws:sqs/queue:Queue": ("QueueAlreadyExists", "A queue named {name} already exists."),
    "kubernetes:helm.sh/v3:Release": ("AlreadyExists", "cannot re-use a name that is still in use: {name}"),
}
_IN_USE = {
    "aws:ec2/eip:Eip": (
        "AuthFailure",
        "You do not have permission to access the specified resource: {id} is in use by {by}.",
    ),
    "aws:ec2/internetGateway:InternetGateway": (
        "DependencyViolation",
        (
            "Network {id} has some mapped public address(es). "
            "Please unmap those public address(es) before detaching the gateway: {by}"
        ),
    ),
    "aws:ec2/routeTable:RouteTable": (
        "DependencyViolation",
        "The routeTable '{id}' has dependencies and cannot be deleted: {by}",
    ),
    "aws:ec2/securityGroup:SecurityGroup": ("DependencyViolation", "resource {id} has a dependent object: {by}"),
    "aws:ec2/subnet:Subnet": ("DependencyViolation", "The subnet '{id}' has dependencies and cannot be deleted: {by}"),
    "aws:ec2/vpc:Vpc": ("DependencyViolation", "The vpc '{id}' has dependencies and cannot be deleted: {by}"),
    "aws:ecs/cluster:Cluster": (
        "ClusterContainsServicesException",
        "The Cluster cannot be deleted while Services are active: {by}",
    ),
    "aws:iam/policy:Policy": ("DeleteConflict", "Cannot delete a policy attached to entities: {by}"),
    "aws:iam/role:Role": ("DeleteConflict", "Cannot delete entity, must detach all policies first: {by}"),
    "aws:lb/targetGroup:TargetGroup": (
        "ResourceInUse",
        "Target group '{id}' is currently in use by a listener or a rule: {by}",
    ),
}


def doing(kind: ResourceType, verb: Verb, name: str) -> str:
    """Return what the provider was doing, as in `creating ELBv2 TargetGroup (web)`."""
    return f"{_DOING[verb]} {_services(kind)[1]} {kind.kind} ({name})"


def api_error(kind: ResourceType, verb: Verb, name: str, code: str, text: str) -> Refusal:
    """Return a refusal by AWS's API; that of a cluster stands for itself."""
    if kind.package == "kubernetes":
        return Refusal(text)
    operation = f"{verb.capitalize()}{kind.kind}"
    answer = f"https response error StatusCode: 400, RequestID: {uuid.uuid4()}, api error {code}: {text}"
    return Refusal(f"{doing(kind, verb, name)}: operation error {_services(kind)[0]}: {operation}, {answer}")


def missing(token: str, handle: str) -> tuple[str, str]:
    """Return the error code and text for a resource that does not exist."""
    code, text = _MISSING.get(token, ("ResourceNotFoundException", f"{_label(token)} not found: {{handle}}"))
    return code, text.format(handle=handle)


def taken(token: str, name: str) -> tuple[str, str]:
    """Return the error code and text for a name that another resource has."""
    code, text = _TAKEN.get(token, ("ResourceAlreadyExistsException", f"{_label(token)} already exists: {{name}}"))
    return code, text.format(name=name)


def in_use(token: str, resource_id: str, by: str) -> tuple[str, str]:
    """Return the error code and text for a resource that others still need."""
    code, text = _IN_USE.get(token, ("ResourceInUseException", f"{_label(token)} '{{id}}' is in use by {{by}}"))
    return code, text.format(id=resource_id, by=by)


def _services(kind: ResourceType) -> tuple[str, str]:
    return _SERVICES.get(kind.module, (kind.module.upper(), kind.module.upper()))


def _label(token: str) -> str:
    return token.rsplit(":", 1)[1]
