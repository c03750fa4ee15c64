"""The actions of AWS that the roles of GitHub Actions are made of."""

from __future__ import annotations

# Settings of resources, never the data in them: no objects, messages, log lines or secret values.
READS = (
    "acm:DescribeCertificate",
    "acm:GetCertificate",
    "acm:List*",
    "apigateway:GET",
    "application-autoscaling:Describe*",
    "application-autoscaling:List*",
    "chatbot:Describe*",
    "chatbot:List*",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetDashboard",
    "cloudwatch:ListTagsForResource",
    "dynamodb:Describe*",
    "dynamodb:ListTagsOfResource",
    "ec2:Describe*",
    "ec2:GetManagedPrefixListEntries",
    "ecr:DescribeImages",
    "ecr:DescribeRepositories",
    "ecs:Describe*",
    "ecs:List*",
    "eks:Describe*",
    "eks:List*",
    "elasticache:Describe*",
    "elasticache:List*",
    "elasticfilesystem:Describe*",
    "elasticfilesystem:List*",
    "elasticloadbalancing:Describe*",
    "events:Describe*",
    "events:List*",
    "iam:Get*",
    "iam:List*",
    "kms:Describe*",
    "kms:GetKey*",
    "kms:List*",
    "lambda:Get*",
    "lambda:List*",
    "logs:Describe*",
    "logs:GetLogDelivery",
    "logs:List*",
    "pipes:Describe*",
    "pipes:List*",
    "rds:Describe*",
    "rds:List*",
    "route53:Get*",
    "route53:List*",
    "s3:GetAccelerateConfiguration",
    "s3:GetBucket*",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetReplicationConfiguration",
    "scheduler:Get*",
    "scheduler:List*",
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetResourcePolicy",
    "sns:Get*",
    "sns:List*",
    "sqs:GetQueue*",
    "sqs:ListQueue*",
    "tag:GetResources",
    "wafv2:Get*",
    "wafv2:List*",
)

# Of EC2 the network only: nobody can start a machine with these.
_NETWORK = tuple(
    f"ec2:{action}"
    for action in (
        "AllocateAddress",
        "AssociateAddress",
        "AssociateRouteTable",
        "AttachInternetGateway",
        "AuthorizeSecurityGroupEgress",
        "AuthorizeSecurityGroupIngress",
        "CreateFlowLogs",
        "CreateInternetGateway",
        "CreateNatGateway",
        "CreateNetworkInterface",  # EFS asks for it of whoever makes a mount target
        "CreateRoute",
        "CreateRouteTable",
        "CreateSecurityGroup",
        "CreateSubnet",
        "CreateTags",
        "CreateVpc",
        "CreateVpcEndpoint",
        "DeleteFlowLogs",
        "DeleteInternetGateway",
        "DeleteNatGateway",
        "DeleteNetworkInterface",
        "DeleteRoute",
        "DeleteRouteTable",
        "DeleteSecurityGroup",
        "DeleteSubnet",
        "DeleteTags",
        "DeleteVpc",
        "DeleteVpcEndpoints",
        "DetachInternetGateway",
        "DetachNetworkInterface",
        "DisassociateAddress",
        "DisassociateRouteTable",
        "ModifySecurityGroupRules",
        "ModifySubnetAttribute",
        "ModifyVpcAttribute",
        "ModifyVpcEndpoint",
        "ReleaseAddress",
        "ReplaceRoute",
        "ReplaceRouteTableAssociation",
        "RevokeSecurityGroupEgress",
        "RevokeSecurityGroupIngress",
        "UpdateSecurityGroupRuleDescriptionsEgress",
        "UpdateSecurityGroupRuleDescriptionsIngress",
    )
)

# Actions on what gets a generated id, or that AWS takes no resource for.
UNNAMEABLE = (
    *_NETWORK,
    "acm:AddTagsToCertificate",
    "acm:DeleteCertificate",
    "acm:RequestCertificate",
    "apigateway:DELETE",
    "apigateway:PATCH",
    "apigateway:POST",
    "apigateway:PUT",
    "apigateway:SetWebACL",
    "apigateway:TagResource",
    "apigateway:UntagResource",
    "application-autoscaling:DeleteScalingPolicy",
    "application-autoscaling:DeleteScheduledAction",
    "application-autoscaling:DeregisterScalableTarget",
    "application-autoscaling:PutScalingPolicy",
    "application-autoscaling:PutScheduledAction",
    "application-autoscaling:RegisterScalableTarget",
    "application-autoscaling:TagResource",
    "application-autoscaling:UntagResource",
    "cloudwatch:GetMetricData",  # how the computes of a shift are doing
    "ecr:GetAuthorizationToken",
    "ecs:DeregisterTaskDefinition",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "rds:DeregisterDBProxyTargets",
    "rds:ModifyDBProxyTargetGroup",
    "rds:RegisterDBProxyTargets",
    "wafv2:AssociateWebACL",
    "wafv2:DisassociateWebACL",
)

# What is made and changed of file systems, never the files: those take `ClientMount`.
FILES = tuple(f"elasticfilesystem:{verb}*" for verb in ("Create", "Delete", "Modify", "Put", "Tag", "Untag", "Update"))
PROXIES = ("rds:AddTagsToResource", "rds:DeleteDBProxy", "rds:ModifyDBProxy", "rds:RemoveTagsFromResource")

ROLES = tuple(
    f"iam:{action}"
    for action in (
        "AttachRolePolicy",
        "CreateRole",
        "DeleteRole",
        "DeleteRolePolicy",
        "DetachRolePolicy",
        "PutRolePolicy",
        "TagRole",
        "UntagRole",
        "UpdateAssumeRolePolicy",
        "UpdateRole",
        "UpdateRoleDescription",
    )
)
PUSH = tuple(
    f"ecr:{action}"
    for action in (
        "BatchCheckLayerAvailability",
        "BatchGetImage",
        "CompleteLayerUpload",
        "GetDownloadUrlForLayer",
        "InitiateLayerUpload",
        "PutImage",
        "UploadLayerPart",
    )
)

SECRETS = tuple(
    f"secretsmanager:{action}"
    for action in (
        "CancelRotateSecret",
        "CreateSecret",
        "DeleteSecret",
        "RestoreSecret",
        "RotateSecret",
        "TagResource",
        "UntagResource",
        "UpdateSecret",
    )
)
"""On secrets, never on what is in them."""
