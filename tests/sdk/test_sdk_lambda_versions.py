"""Versions, aliases, policies, tags and concurrency as boto3 sees them, decided by the one evaluator."""

from __future__ import annotations

import json

import pytest
from tests.support.aws import ACCOUNT, ACCOUNT_TRUST, BASIC_EXECUTION, Aws, allow, refused, unique
from tests.support.server import Keys, ServerProcess

VERSION = """
def handler(event, context):
    return [context.function_version, context.invoked_function_arn.rpartition(":")[2]]
"""
WAIT = {"Delay": 0.02, "MaxAttempts": 500}


def arn_of(name: str) -> str:
    return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"


@pytest.fixture(scope="module")
def role(aws: Aws) -> str:
    return aws.role(BASIC_EXECUTION)


def test_versions_and_aliases_live_side_by_side(aws: Aws, role: str) -> None:
    api = aws.functions
    name = aws.function(VERSION, role)
    first = api.publish_version(FunctionName=name, Description="first")
    assert (first["Version"], first["FunctionArn"]) == ("1", f"{arn_of(name)}:1")
    api.update_function_configuration(FunctionName=name, Timeout=7)
    for waiter in ("function_updated", "function_updated_v2", "function_exists", "function_active"):
        api.get_waiter(waiter).wait(FunctionName=name, WaiterConfig=WAIT)
    assert api.publish_version(FunctionName=name)["Version"] == "2"
    api.get_waiter("published_version_active").wait(FunctionName=name, Qualifier="2", WaiterConfig=WAIT)
    pages = api.get_paginator("list_versions_by_function").paginate(
        FunctionName=name, PaginationConfig={"PageSize": 1}
    )
    assert [each["Version"] for page in pages for each in page["Versions"]] == ["$LATEST", "1", "2"]

    alias = api.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    assert aws.invoke(name, Qualifier="live")[1] == ["1", "live"]
    routing = {"AdditionalVersionWeights": {"2": 1.0}}
    updated = api.update_alias(
        FunctionName=name, Name="live", RoutingConfig=routing, RevisionId=alias["RevisionId"]
    )
    assert updated["RoutingConfig"] == routing
    answer, payload = aws.invoke(f"{name}:live")
    assert (answer["ExecutedVersion"], payload) == ("2", ["2", "live"])
    assert api.get_alias(FunctionName=name, Name="live")["RevisionId"] == updated["RevisionId"]
    assert [each["Name"] for each in api.list_aliases(FunctionName=name)["Aliases"]] == ["live"]
    api.delete_alias(FunctionName=name, Name="live")
    with refused(404, "ResourceNotFoundException", f"Cannot find alias arn: {arn_of(name)}:live"):
        api.get_alias(FunctionName=name, Name="live")
    with refused(
        400,
        "ValidationException",
        "1 validation error detected: Value '2024' at 'name' failed to satisfy constraint: Member must "
        "satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)",
    ):
        api.create_alias(FunctionName=name, Name="2024", FunctionVersion="1")


def test_tags_and_concurrency(aws: Aws, role: str) -> None:
    api = aws.functions
    name = aws.function(VERSION, role, Tags={"team": "red"})
    api.tag_resource(Resource=arn_of(name), Tags={"stage": "test"})
    assert api.list_tags(Resource=arn_of(name))["Tags"] == {"team": "red", "stage": "test"}
    api.untag_resource(Resource=arn_of(name), TagKeys=["team"])
    assert api.get_function(FunctionName=name)["Tags"] == {"stage": "test"}

    api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    assert api.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 0
    with pytest.raises(api.exceptions.TooManyRequestsException) as caught:
        api.invoke(FunctionName=name)
    assert caught.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    api.delete_function_concurrency(FunctionName=name)
    assert aws.invoke(name)[1] == ["$LATEST", name]
    assert api.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 1000


def test_the_older_asynchronous_invocation_is_accepted(aws: Aws, role: str) -> None:
    name = aws.function(VERSION, role)
    assert aws.functions.invoke_async(FunctionName=name, InvokeArgs=b"{}")["Status"] == 202
    aws.log_of(name, 1)


def test_a_policy_opens_a_function_to_whom_it_names(aws: Aws, role: str, server: ServerProcess) -> None:
    name = aws.function(VERSION, role)
    aws.functions.publish_version(FunctionName=name)
    caller = aws.role(trusting=ACCOUNT_TRUST)
    keys: Keys = aws.assume(caller, unique("session"))
    theirs = server.client("lambda", keys)
    with pytest.raises(theirs.exceptions.ClientError) as caught:
        theirs.invoke(FunctionName=name)
    assert "because no identity-based policy allows the lambda:InvokeFunction action" in str(caught.value)

    added = aws.functions.add_permission(
        FunctionName=name, StatementId="them", Action="lambda:InvokeFunction", Principal=caller, Qualifier="1"
    )
    assert json.loads(added["Statement"])["Resource"] == f"{arn_of(name)}:1"
    policy = json.loads(aws.functions.get_policy(FunctionName=name, Qualifier="1")["Policy"])
    assert [each["Sid"] for each in policy["Statement"]] == ["them"]
    assert theirs.invoke(FunctionName=f"{name}:1")["StatusCode"] == 200
    with pytest.raises(theirs.exceptions.ClientError):
        theirs.invoke(FunctionName=name)
    aws.functions.remove_permission(FunctionName=name, StatementId="them", Qualifier="1")
    with pytest.raises(theirs.exceptions.ClientError):
        theirs.invoke(FunctionName=f"{name}:1")


def test_tags_decide_about_functions(aws: Aws, role: str, server: ServerProcess) -> None:
    document = json.loads(allow("lambda:InvokeFunction", "*"))
    document["Statement"][0]["Condition"] = {"StringEquals": {"aws:ResourceTag/team": "red"}}
    caller = aws.role(trusting=ACCOUNT_TRUST, policy=json.dumps(document))
    theirs = server.client("lambda", aws.assume(caller, unique("session")))
    red, blue = (aws.function(VERSION, role, Tags={"team": team}) for team in ("red", "blue"))
    assert theirs.invoke(FunctionName=red)["StatusCode"] == 200
    with pytest.raises(theirs.exceptions.ClientError):
        theirs.invoke(FunctionName=blue)
