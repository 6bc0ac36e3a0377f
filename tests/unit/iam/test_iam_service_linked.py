"""Service-linked roles, as AWS was recorded."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

import pytest
from tests.support.iam import ACCOUNT, BASIC, NOW_S, IamClient, document
from tests.support.sqs import refused

# Recorded 2025 from AWS: (service principal, role's name after AWSServiceRoleFor, its managed policy).
RECORDED = [
    (
        "accountdiscovery.ssm.amazonaws.com",
        "AmazonSSM_AccountDiscovery",
        "AWSSystemsManagerAccountDiscoveryServicePolicy",
    ),
    ("acm.amazonaws.com", "CertificateManager", "CertificateManagerServiceRolePolicy"),
    ("appmesh.amazonaws.com", "AppMesh", "AWSAppMeshServiceRolePolicy"),
    (
        "autoscaling-plans.amazonaws.com",
        "AutoScalingPlans_EC2AutoScaling",
        "AWSAutoScalingPlansEC2AutoScalingPolicy",
    ),
    ("autoscaling.amazonaws.com", "AutoScaling", "AutoScalingServiceRolePolicy"),
    ("backup.amazonaws.com", "Backup", "AWSBackupServiceLinkedRolePolicyForBackup"),
    ("batch.amazonaws.com", "Batch", "BatchServiceRolePolicy"),
    (
        "cassandra.application-autoscaling.amazonaws.com",
        "ApplicationAutoScaling_CassandraTable",
        "AWSApplicationAutoscalingCassandraTablePolicy",
    ),
    (
        "cks.kms.amazonaws.com",
        "KeyManagementServiceCustomKeyStores",
        "AWSKeyManagementServiceCustomKeyStoresServiceRolePolicy",
    ),
    ("cloudtrail.amazonaws.com", "CloudTrail", "CloudTrailServiceRolePolicy"),
    (
        "codestar-notifications.amazonaws.com",
        "CodeStarNotifications",
        "AWSCodeStarNotificationsServiceRolePolicy",
    ),
    ("config.amazonaws.com", "Config", "AWSConfigServiceRolePolicy"),
    ("connect.amazonaws.com", "AmazonConnect", "AmazonConnectServiceLinkedRolePolicy"),
    ("dms-fleet-advisor.amazonaws.com", "DMSFleetAdvisor", "AWSDMSFleetAdvisorServiceRolePolicy"),
    ("dms.amazonaws.com", "DMSServerless", "AWSDMSServerlessServiceRolePolicy"),
    ("docdb-elastic.amazonaws.com", "DocDB-Elastic", "AmazonDocDB-ElasticServiceRolePolicy"),
    ("ec2-instance-connect.amazonaws.com", "Ec2InstanceConnect", "Ec2InstanceConnectEndpoint"),
    (
        "ec2.application-autoscaling.amazonaws.com",
        "ApplicationAutoScaling_EC2SpotFleetRequest",
        "AWSApplicationAutoscalingEC2SpotFleetRequestPolicy",
    ),
    ("ecr.amazonaws.com", "ECRTemplate", "ECRTemplateServiceRolePolicy"),
    ("ecs.amazonaws.com", "ECS", "AmazonECSServiceRolePolicy"),
    ("eks-connector.amazonaws.com", "AmazonEKSConnector", "AmazonEKSConnectorServiceRolePolicy"),
    ("eks-fargate.amazonaws.com", "AmazonEKSForFargate", "AmazonEKSForFargateServiceRolePolicy"),
    ("eks-nodegroup.amazonaws.com", "AmazonEKSNodegroup", "AWSServiceRoleForAmazonEKSNodegroup"),
    ("eks.amazonaws.com", "AmazonEKS", "AmazonEKSServiceRolePolicy"),
    ("elasticache.amazonaws.com", "ElastiCache", "ElastiCacheServiceRolePolicy"),
    ("elasticbeanstalk.amazonaws.com", "ElasticBeanstalk", "AWSElasticBeanstalkServiceRolePolicy"),
    (
        "elasticfilesystem.amazonaws.com",
        "AmazonElasticFileSystem",
        "AmazonElasticFileSystemServiceRolePolicy",
    ),
    (
        "elasticloadbalancing.amazonaws.com",
        "ElasticLoadBalancing",
        "AWSElasticLoadBalancingServiceRolePolicy",
    ),
    (
        "email.cognito-idp.amazonaws.com",
        "AmazonCognitoIdpEmailService",
        "AmazonCognitoIdpEmailServiceRolePolicy",
    ),
    ("emr-containers.amazonaws.com", "AmazonEMRContainers", "AmazonEMRContainersServiceRolePolicy"),
    ("emrwal.amazonaws.com", "EMRWAL", "EMRDescribeClusterPolicyForEMRWAL"),
    ("fis.amazonaws.com", "FIS", "AmazonFISServiceRolePolicy"),
    ("grafana.amazonaws.com", "AmazonGrafana", "AmazonGrafanaServiceLinkedRolePolicy"),
    ("imagebuilder.amazonaws.com", "ImageBuilder", "AWSServiceRoleForImageBuilder"),
    ("iotmanagedintegrations.amazonaws.com", "IoTManagedIntegrations", "AWSIoTManagedIntegrationsRolePolicy"),
    ("kafka.amazonaws.com", "Kafka", "KafkaServiceRolePolicy"),
    ("kafkaconnect.amazonaws.com", "KafkaConnect", "KafkaConnectServiceRolePolicy"),
    ("lakeformation.amazonaws.com", "LakeFormationDataAccess", "LakeFormationDataAccessServiceRolePolicy"),
    ("lex.amazonaws.com", "LexBots", "AmazonLexBotPolicy"),
    ("lexv2.amazonaws.com", "LexV2Bots", "AmazonLexV2BotPolicy"),
    ("lightsail.amazonaws.com", "Lightsail", "LightsailExportAccess"),
    ("m2.amazonaws.com", "AWSM2", "AWSM2ServicePolicy"),
    ("memorydb.amazonaws.com", "MemoryDB", "MemoryDBServiceRolePolicy"),
    ("mq.amazonaws.com", "AmazonMQ", "AmazonMQServiceRolePolicy"),
    (
        "mrk.kms.amazonaws.com",
        "KeyManagementServiceMultiRegionKeys",
        "AWSKeyManagementServiceMultiRegionKeysServiceRolePolicy",
    ),
    ("notifications.amazonaws.com", "AwsUserNotifications", "AWSUserNotificationsServiceLinkedRolePolicy"),
    (
        "observability.aoss.amazonaws.com",
        "AmazonOpenSearchServerless",
        "AmazonOpenSearchServerlessServiceRolePolicy",
    ),
    ("opensearchservice.amazonaws.com", "AmazonOpenSearchService", "AmazonOpenSearchServiceRolePolicy"),
    ("ops.apigateway.amazonaws.com", "APIGateway", "APIGatewayServiceRolePolicy"),
    ("ops.emr-serverless.amazonaws.com", "AmazonEMRServerless", "AmazonEMRServerlessServiceRolePolicy"),
    (
        "opsdatasync.ssm.amazonaws.com",
        "SystemsManagerOpsDataSync",
        "AWSSystemsManagerOpsDataSyncServiceRolePolicy",
    ),
    ("opsinsights.ssm.amazonaws.com", "AmazonSSM_OpsInsights", "AWSSSMOpsInsightsServiceRolePolicy"),
    ("pullthroughcache.ecr.amazonaws.com", "ECRPullThroughCache", "AWSECRPullThroughCache_ServiceRolePolicy"),
    ("ram.amazonaws.com", "ResourceAccessManager", "AWSResourceAccessManagerServiceRolePolicy"),
    ("rds.amazonaws.com", "RDS", "AmazonRDSServiceRolePolicy"),
    ("redshift.amazonaws.com", "Redshift", "AmazonRedshiftServiceLinkedRolePolicy"),
    ("replication.cassandra.amazonaws.com", "KeyspacesReplication", "KeyspacesReplicationServiceRolePolicy"),
    ("replication.ecr.amazonaws.com", "ECRReplication", "ECRReplicationServiceRolePolicy"),
    ("repository.sync.codeconnections.amazonaws.com", "GitSync", "AWSGitSyncServiceRolePolicy"),
    ("resource-explorer-2.amazonaws.com", "ResourceExplorer", "AWSResourceExplorerServiceRolePolicy"),
    ("rolesanywhere.amazonaws.com", "RolesAnywhere", "AWSRolesAnywhereServicePolicy"),
    ("s3-outposts.amazonaws.com", "S3OnOutposts", "AWSS3OnOutpostsServiceRolePolicy"),
    ("ses.amazonaws.com", "AmazonSES", "AmazonSESServiceRolePolicy"),
    ("shield.amazonaws.com", "AWSShield", "AWSShieldServiceRolePolicy"),
    ("ssm-incidents.amazonaws.com", "IncidentManager", "AWSIncidentManagerServiceRolePolicy"),
    ("ssm-quicksetup.amazonaws.com", "SSMQuickSetup", "SSMQuickSetupRolePolicy"),
    ("ssm.amazonaws.com", "AmazonSSM", "AmazonSSMServiceRolePolicy"),
    ("sso.amazonaws.com", "SSO", "AWSSSOServiceRolePolicy"),
    ("vpcorigin.cloudfront.amazonaws.com", "CloudFrontVPCOrigin", "AWSCloudFrontVPCOriginServiceRolePolicy"),
    ("waf.amazonaws.com", "WAFLogging", "WAFLoggingServiceRolePolicy"),
    ("wafv2.amazonaws.com", "WAFV2Logging", "WAFV2LoggingServiceRolePolicy"),
]
DESCRIBED = {
    "rds.amazonaws.com": "Allows Amazon RDS to manage AWS resources on your behalf",
    "ssm.amazonaws.com": "Provides access to AWS Resources managed or used by Amazon SSM.",
    "sso.amazonaws.com": "Service-linked role used by AWS SSO to manage AWS resources, including IAM roles,"
    " policies and SAML IdP on your behalf.",
}
BATCH = "AWSServiceRoleForBatch"


@pytest.mark.parametrize(("service", "name", "policy"), RECORDED)
async def test_a_service_linked_role_is_as_recorded(
    client: IamClient, service: str, name: str, policy: str
) -> None:
    await client("CreateServiceLinkedRole", AWSServiceName=service)
    name = f"AWSServiceRoleFor{name}"
    role = (await client("GetRole", RoleName=name))["Role"]
    assert role.pop("RoleId").startswith("AROA")
    assert json.loads(unquote(role.pop("AssumeRolePolicyDocument"))) == {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"},
        ],
    }
    expected: dict[str, Any] = {
        "Path": f"/aws-service-role/{service}/",
        "RoleName": name,
        "Arn": f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/{service}/{name}",
        "CreateDate": NOW_S,
        "MaxSessionDuration": 3600,
        "RoleLastUsed": {},
    }
    assert role == expected | ({"Description": DESCRIBED[service]} if service in DESCRIBED else {})
    arn = f"arn:aws:iam::aws:policy/aws-service-role/{policy}"
    attached = [{"PolicyName": policy, "PolicyArn": arn}]
    assert await client("ListAttachedRolePolicies", RoleName=name) == {
        "AttachedPolicies": attached,
        "IsTruncated": False,
    }
    assert await client("ListRolePolicies", RoleName=name) == {"PolicyNames": [], "IsTruncated": False}


async def test_a_service_has_one_role(client: IamClient) -> None:
    await client("CreateServiceLinkedRole", AWSServiceName="batch.amazonaws.com")
    again = client("CreateServiceLinkedRole", AWSServiceName="batch.amazonaws.com")
    assert await refused(again) == (
        "InvalidInput",
        "InvalidInput",
        400,
        "Service role name AWSServiceRoleForBatch has been taken in this account,"
        " please try a different suffix.",
    )


async def test_a_suffix_tells_roles_apart_where_the_service_takes_one(client: IamClient) -> None:
    made = await client(
        "CreateServiceLinkedRole", AWSServiceName="autoscaling.amazonaws.com", CustomSuffix="two"
    )
    assert made["Role"]["RoleName"] == "AWSServiceRoleForAutoScaling_two"
    asked = client("CreateServiceLinkedRole", AWSServiceName="batch.amazonaws.com", CustomSuffix="two")
    text = "Custom suffix is not allowed for batch.amazonaws.com"
    assert (await refused(asked))[0::3] == ("InvalidInput", text)
    asked = client("CreateServiceLinkedRole", AWSServiceName="none.amazonaws.com")
    text = "Cannot find Service Linked Role template for none.amazonaws.com"
    assert (await refused(asked))[0::3] == ("AccessDenied", text)


async def test_a_service_linked_role_is_deleted_as_recorded(client: IamClient) -> None:
    await client("CreateServiceLinkedRole", AWSServiceName="batch.amazonaws.com")
    task = (await client("DeleteServiceLinkedRole", RoleName=BATCH))["DeletionTaskId"]
    assert re.fullmatch(f"task/aws-service-role/batch.amazonaws.com/{BATCH}/[0-9a-f-]{{36}}", task)
    status = await client("GetServiceLinkedRoleDeletionStatus", DeletionTaskId=task)
    assert status == {"Status": "SUCCEEDED"}
    assert (await refused(client("GetRole", RoleName=BATCH)))[0] == "NoSuchEntity"
    unknown = client("GetServiceLinkedRoleDeletionStatus", DeletionTaskId="task/x/y/z")
    assert (await refused(unknown))[0] == "NoSuchEntity"
    await client.role()
    assert (await refused(client("DeleteServiceLinkedRole", RoleName="R")))[0] == "NoSuchEntity"


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("DeleteRole", {}),
        ("UpdateRole", {"Description": "mine"}),
        ("AttachRolePolicy", {"PolicyArn": BASIC}),
        (
            "DetachRolePolicy",
            {"PolicyArn": "arn:aws:iam::aws:policy/aws-service-role/BatchServiceRolePolicy"},
        ),
        ("PutRolePolicy", {"PolicyName": "P", "PolicyDocument": document()}),
        ("PutRolePermissionsBoundary", {"PermissionsBoundary": BASIC}),
        ("UpdateAssumeRolePolicy", {"PolicyDocument": "{}"}),
    ],
)
async def test_only_aws_changes_a_service_linked_role(
    client: IamClient, operation: str, members: dict[str, Any]
) -> None:
    await client("CreateServiceLinkedRole", AWSServiceName="batch.amazonaws.com")
    assert await refused(client(operation, RoleName=BATCH, **members)) == (
        "UnmodifiableEntity",
        "UnmodifiableEntity",
        400,
        f"Cannot perform the operation on the protected role '{BATCH}' - this role is only modifiable by AWS",
    )
