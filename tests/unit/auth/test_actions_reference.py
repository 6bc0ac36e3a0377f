"""What every operation asks of IAM is what AWS's service authorization reference says that it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore import xform_name
from botocore.model import Shape

from noria.app import ACTIONS, SERVICE_APIS
from noria.auth.authorize import Action
from noria.context import RequestContext, root_principal
from noria.parity import accepted, load_model
from noria.policy.actions import Service, services
from noria.policy.lint import meets

ACCOUNT, REGION = "111111111111", "us-east-1"
EVERY = [(service, operation) for service, actions in ACTIONS.items() for operation in actions]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/R"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:g"

SAMPLES: dict[str, Any] = {
    "queue_url": f"http://h/{ACCOUNT}/q",
    "source_arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q",
    "policy_arn": f"arn:aws:iam::{ACCOUNT}:policy/P",
    "policy_source_arn": ROLE,
    "role_arn": ROLE,
    "open_id_connect_provider_arn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/h",
    "url": "https://h",
    "path": "/",
    "function_name": "f",
    "deletion_task_id": "task/aws-service-role/s/R/id",
    "code_signing_config_arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:code-signing-config:csc-1",
    "resource": FUNCTION,
    "resource_arn": GROUP,
    "log_group_identifiers": [GROUP],
}
"""Members whose form matters, and ``operation.member`` where it is another one there."""
SAMPLES |= {
    "GetLayerVersionByArn.arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:l:1",
    "GenerateServiceLastAccessedDetails.arn": ROLE,
    "ListPoliciesGrantingServiceAccess.arn": ROLE,
    "PutResourcePolicy.resource_arn": FUNCTION,
    "GetResourcePolicy.resource_arn": FUNCTION,
    "DeleteResourcePolicy.resource_arn": FUNCTION,
}

OTHER_RESOURCES = {
    # AWS's own denials name one, where the reference has none.
    "sqs:ListQueues", "iam:ListUsers", "iam:ListGroups", "iam:ListRoles", "iam:ListInstanceProfiles",
    "logs:DescribeLogGroups", "logs:ListLogGroups",
    "iam:GetAccessKeyLastUsed",  # completed to the key's user, see IamDirectory
    "logs:GetLogRecord",  # whose pointer says which group only once it is read
    "cloudwatch:GetMetricData", "cloudwatch:ListMetrics", "cloudwatch:PutMetricData",  # no datasets here
}  # fmt: skip

OF_THE_RESOURCE = {"iam:PermissionsBoundary", "lambda:FunctionArn"}
"""Keys that the resource itself answers, if the request does not (`noria.auth.authorize.Resource`)."""

NOT_HERE = {
    "lambda:VpcIds", "lambda:SubnetIds", "lambda:SecurityGroupIds",
    "lambda:EventSourceToken", "lambda:InvokedViaFunctionUrl", "iam:RoleTemplateARN",
    "iam:ServiceSpecificCredentialAgeDays", "cloudwatch:HasAccessGrant",
}  # fmt: skip
"""Keys of what Noria refuses by name."""

NOT_TOLD = {
    "RemovePermission": {"lambda:Principal", "lambda:FunctionUrlAuthType"},
    "PutResourcePolicy": {"lambda:Principal"},
    "DeleteResourcePolicy": {"lambda:Principal"},
    "GetFunctionUrlConfig": {"lambda:FunctionUrlAuthType"},
    "ListFunctionUrlConfigs": {"lambda:FunctionUrlAuthType"},
    "DeleteFunctionUrlConfig": {"lambda:FunctionUrlAuthType"},
    "UpdateServiceSpecificCredential": {"iam:ServiceSpecificCredentialServiceName"},
    "ResetServiceSpecificCredential": {"iam:ServiceSpecificCredentialServiceName"},
    "DeleteServiceSpecificCredential": {"iam:ServiceSpecificCredentialServiceName"},
}
"""Keys that say what is stored already, or what a whole policy says (docs/differences.md)."""

MORE_KEYS = {"PutSubscriptionFilter": {"logs:DestinationArn"}}
"""Keys that AWS's own documentation of the operation has, beside the reference."""


@pytest.mark.parametrize(("service", "operation"), EVERY)
def test_every_operation_has_an_action_of_aws(service: str, operation: str) -> None:
    prefix, _, name = ACTIONS[service][operation].name.partition(":")
    assert prefix == {"monitoring": "cloudwatch"}.get(service, service)
    assert name in services()[prefix].actions


@pytest.mark.parametrize(("service", "operation"), EVERY)
def test_every_operation_is_about_a_resource_of_its_action(service: str, operation: str) -> None:
    action, reference, name = _looked_up(service, operation)
    arn = action.resource(_ctx(service, operation), _request(service, operation))
    possible = [reference.resources[number] for number in reference.actions[name]]
    if action.name in OTHER_RESOURCES:
        assert arn not in possible
    elif not possible:
        assert arn == "*"
    else:
        parts = arn.split(":", 5)
        assert any(all(map(meets, parts, other.split(":", 5))) for other in possible), (arn, possible)


@pytest.mark.parametrize(("service", "operation"), EVERY)
def test_every_operation_has_the_condition_keys_of_its_action(service: str, operation: str) -> None:
    action, reference, name = _looked_up(service, operation)
    if not action.needs_permission:
        return  # what the operation decides itself, it knows the keys of: tests/unit/sts
    request: Mapping[str, Any] = {}
    if action.conditions:
        request = action.conditions(_ctx(service, operation), _request(service, operation))
    keys = {key.partition("/")[0] + "/*" if "/" in key else key for key in request}
    expected = {key for key in reference.keys[name] if "ResourceTag/" not in key} - NOT_HERE
    assert keys - expected <= MORE_KEYS.get(operation, set())
    assert expected - keys <= OF_THE_RESOURCE | NOT_TOLD.get(operation, set())


MAKING_WITH_TAGS = [
    (service, operation)
    for service, operation in EVERY
    if service != "sts"  # whose operations ask for sts:TagSession themselves
    and operation.startswith("Create")
    and "tags" in accepted(SERVICE_APIS[service], operation)
]


@pytest.mark.parametrize(("service", "operation"), MAKING_WITH_TAGS)
def test_what_makes_something_with_tags_needs_to_be_allowed_to_tag_it(service: str, operation: str) -> None:
    action, reference, _ = _looked_up(service, operation)
    assert action.also is not None
    request = _request(service, operation)
    (needed,) = action.also(request)
    prefix, _, name = needed.partition(":")
    made = operation.removeprefix("Create")
    assert (prefix, name in {f"Tag{made}", "TagResource"}) == (service, True)
    assert name in reference.actions
    assert action.also({**request, "tags": []}) == ()


def test_the_makers_with_tags_are_found() -> None:
    assert {operation for _, operation in MAKING_WITH_TAGS} >= {
        "CreateUser", "CreateRole", "CreatePolicy", "CreateInstanceProfile", "CreateOpenIDConnectProvider",
        "CreateFunction", "CreateCodeSigningConfig", "CreateEventSourceMapping", "CreateLogGroup",
        "CreateQueue",
    }  # fmt: skip


def _looked_up(service: str, operation: str) -> tuple[Action, Service, str]:
    action = ACTIONS[service][operation]
    prefix, _, name = action.name.partition(":")
    return action, services()[prefix], name


def _ctx(service: str, operation: str) -> RequestContext:
    return RequestContext("r", service, operation, ACCOUNT, REGION, root_principal(ACCOUNT), 1)


def _request(service: str, operation: str) -> dict[str, Any]:
    """Every member that the operation takes, with some value of its type."""
    shape = load_model(service).operation_model(operation).input_shape
    members = {xform_name(name): (name, member) for name, member in (shape.members if shape else {}).items()}
    request = {}
    for member in accepted(SERVICE_APIS[service], operation) & members.keys():
        sample = SAMPLES.get(f"{operation}.{member}", SAMPLES.get(member))
        request[member] = _some(members[member][1]) if sample is None else sample
    return request


def _some(shape: Shape, inside: tuple[str, ...] = ()) -> Any:
    match shape.type_name:
        case "structure":
            return {
                name: _some(member, (*inside, shape.name))
                for name, member in shape.members.items()
                if member.name not in inside
            }
        case "list":
            return [_some(shape.member, inside)]
        case "map":
            return {"k": "v"}
        case "string":
            return (shape.metadata.get("enum") or ["x"])[0]
        case "blob":
            return b"x"
        case "boolean":
            return True
        case _:
            return 1
