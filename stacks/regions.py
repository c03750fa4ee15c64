"""Facts about AWS as a place: its regions, and the services that offer an interface endpoint."""

from __future__ import annotations

from typing import Final

REGIONS: Final = frozenset(
    """
    af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2
    ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7
    ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2
    eu-west-3 il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-west-1
    us-west-2
    """.split()
)
"""Regions of the commercial partition; a test compares them with the ones botocore knows."""

TWO_ZONE_REGIONS: Final = frozenset({"us-west-1"})
"""Regions that give an account two availability zones only."""

GATEWAY_ENDPOINTS: Final = frozenset({"s3", "dynamodb"})
"""Endpoints that are free, routed instead of addressed, and always part of the network."""

INTERFACE_ENDPOINTS: Final = frozenset(
    """
    access-analyzer acm-pca airflow.api airflow.env airflow.ops amplify application-autoscaling appmesh
    appmesh-envoy-management apprunner apprunner.requests aps aps-workspaces athena autoscaling
    autoscaling-plans backup batch bedrock bedrock-agent bedrock-agent-runtime bedrock-runtime cloudcontrolapi
    cloudformation cloudhsmv2 cloudtrail codeartifact.api codeartifact.repositories codebuild codecommit
    codedeploy codedeploy-commands-secure codepipeline cognito-idp comprehend comprehendmedical config
    connect-campaigns databrew datasync deadline.management directory-service dms docdb-elastic ds ebs ec2
    ec2messages ecr.api ecr.dkr ecs ecs-agent ecs-telemetry eks eks-auth elasticache elasticbeanstalk
    elasticbeanstalk-health elasticfilesystem elasticfilesystem-fips elasticloadbalancing elasticmapreduce
    email-smtp emr-containers emr-serverless events evidently execute-api fis forecast forecastquery fsx
    git-codecommit glue grafana greengrass groundstation guardduty-data healthlake imagebuilder inspector2
    iotsitewise.api iotsitewise.data kafka kendra kinesis-firehose kinesis-streams kms lakeformation lambda
    license-manager logs lookoutmetrics macie2 memory-db models-v2-lex monitoring networkmanager notebook
    observabilityadmin organizations payment-cryptography.controlplane payment-cryptography.dataplane
    personalize personalize-events personalize-runtime pinpoint pinpoint-sms-voice-v2 polly private-networks
    profile proton qldb.session rds rds-data redshift redshift-data rekognition resource-groups robomaker rum
    rum-dataplane runtime-v2-lex s3-outposts sagemaker.api sagemaker.featurestore-runtime sagemaker.metrics
    sagemaker.runtime scheduler secretsmanager securityhub servicecatalog servicediscovery servicequotas
    sms-voice snow-device-management sns sqs ssm ssm-contacts ssm-incidents ssmmessages states storagegateway
    sts swf sync-states synthetics tagging textract transcribe transcribestreaming transfer transfer.server
    translate trustedadvisor verifiedpermissions vpc-lattice wellarchitected workspaces xray
    """.split()
)
"""Services behind `com.amazonaws.<region>.<name>` that an interface endpoint can be made for."""
