"""Provisioned concurrency and code signing configurations, as boto3 asks for them."""

from __future__ import annotations

from tests.support.aws import ACCOUNT, BASIC_EXECUTION, Aws, eventually, package, refused

SOURCE = """\
import os
def handler(event, context):
    return os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
"""


def test_provisioned_concurrency_is_put_waited_for_listed_and_deleted(aws: Aws) -> None:
    name = aws.function(SOURCE, aws.role(BASIC_EXECUTION), Publish=True)
    version = {"FunctionName": name, "Qualifier": "1"}
    put = aws.functions.put_provisioned_concurrency_config(**version, ProvisionedConcurrentExecutions=1)
    assert (put["ResponseMetadata"]["HTTPStatusCode"], put["Status"]) == (202, "IN_PROGRESS")
    eventually(
        lambda: aws.functions.get_provisioned_concurrency_config(**version)["Status"] == "READY", "READY"
    )
    assert aws.invoke(name, Qualifier="1")[1] == "provisioned-concurrency"
    (listed,) = aws.functions.list_provisioned_concurrency_configs(FunctionName=name)[
        "ProvisionedConcurrencyConfigs"
    ]
    assert listed["FunctionArn"] == f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}:1"
    assert listed["AvailableProvisionedConcurrentExecutions"] == 1
    deleted = aws.functions.delete_provisioned_concurrency_config(**version)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    text = "No Provisioned Concurrency Config found for this function"
    with refused(404, "ProvisionedConcurrencyConfigNotFoundException", text):
        aws.functions.get_provisioned_concurrency_config(**version)


def test_a_code_signing_configuration_lets_no_unsigned_package_in(aws: Aws) -> None:
    profile = f"arn:aws:signer:us-east-1:{ACCOUNT}:/signing-profiles/profile/abcdefghij"
    made = aws.functions.create_code_signing_config(
        AllowedPublishers={"SigningProfileVersionArns": [profile]},
        CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"},
    )["CodeSigningConfig"]
    arn = made["CodeSigningConfigArn"]
    assert aws.functions.get_code_signing_config(CodeSigningConfigArn=arn)["CodeSigningConfig"] == made
    updated = aws.functions.update_code_signing_config(CodeSigningConfigArn=arn, Description="strict")
    assert updated["CodeSigningConfig"]["Description"] == "strict"
    assert arn in {
        each["CodeSigningConfigArn"]
        for page in aws.functions.get_paginator("list_code_signing_configs").paginate()
        for each in page["CodeSigningConfigs"]
    }
    name = aws.function(SOURCE, aws.role(BASIC_EXECUTION))
    aws.functions.put_function_code_signing_config(FunctionName=name, CodeSigningConfigArn=arn)
    found = aws.functions.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)
    assert found["FunctionArns"] == [f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"]
    text = (
        "Lambda cannot deploy the function. The function or layer might be signed using a signature that the "
        f"client is not configured to accept. Check the provided signature for {name}."
    )
    with refused(400, "CodeVerificationFailedException", text):
        aws.functions.update_function_code(FunctionName=name, ZipFile=package(SOURCE))
    aws.functions.delete_function_code_signing_config(FunctionName=name)
    assert "CodeSigningConfigArn" not in aws.functions.get_function_code_signing_config(FunctionName=name)
    aws.functions.delete_code_signing_config(CodeSigningConfigArn=arn)


def test_tenants_have_environments_of_their_own(aws: Aws) -> None:
    source = "seen = []\ndef handler(event, context):\n    seen.append(context.tenant_id)\n    return seen\n"
    tenancy = {"TenantIsolationMode": "PER_TENANT"}
    name = aws.function(source, aws.role(BASIC_EXECUTION), TenancyConfig=tenancy)
    assert aws.functions.get_function(FunctionName=name)["Configuration"]["TenancyConfig"] == tenancy
    assert [aws.invoke(name, TenantId=tenant)[1] for tenant in ("red", "blue", "red")] == [
        ["red"], ["blue"], ["red", "red"],
    ]  # fmt: skip
