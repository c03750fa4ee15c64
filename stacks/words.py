"""The words that settings choose from."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    SERVERLESS = "serverless"
    CONTAINER = "container"


class Compute(StrEnum):
    LAMBDA = "lambda"
    FARGATE = "fargate"
    EKS = "eks"


class FrontDoorKind(StrEnum):
    HTTP_API = "http-api"
    REST_API = "rest-api"
    ALB = "alb"


class Nat(StrEnum):
    NONE = "none"
    SINGLE = "single"
    PER_AZ = "per-az"


class Placement(StrEnum):
    PRIVATE = "private"
    PUBLIC = "public"


class Architecture(StrEnum):
    ARM64 = "arm64"
    X86_64 = "x86_64"
