"""Code signing configurations: which there are, whose they are, and what they let in."""

from __future__ import annotations

import re
from typing import Any

from tests.unit.lambda_.conftest import ACCOUNT, REGION, Lambda, zipped
from tests.unit.lambda_.support import active, conflict, create, not_found, refused

PUBLISHER = f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/profile/abcdefghij"
MISSING = f"arn:aws:lambda:{REGION}:{ACCOUNT}:code-signing-config:csc-00000000000000000"
UNVERIFIED = (
    "CodeVerificationFailedException",
    400,
    "Lambda cannot deploy the function. The function or layer might be signed using a signature that the "
    "client is not configured to accept. Check the provided signature for f.",
)
UNKNOWN = (
    "CodeSigningConfigNotFoundException",
    404,
    "The code signing configuration cannot be found. Check that the provided configuration is not deleted: "
    f"{MISSING}.",
)


async def config(service: Lambda, untrusted: str = "", **members: Any) -> dict[str, Any]:
    policies = {"code_signing_policies": {"UntrustedArtifactOnDeployment": untrusted}} if untrusted else {}
    answer = await service.api.create_code_signing_config(
        service.ctx(),
        allowed_publishers={"SigningProfileVersionArns": [PUBLISHER]},
        **policies,
        **members,
    )
    made: dict[str, Any] = answer["CodeSigningConfig"]
    return made


async def update_code(service: Lambda) -> Any:
    code = zipped({"app.py": "def handler(event, context):\n    return 'new'\n"})
    return await service.api.update_function_code(service.ctx(), function_name="f", zip_file=code)


async def use(service: Lambda, arn: str) -> dict[str, Any]:
    answer: dict[str, Any] = await service.api.put_function_code_signing_config(
        service.ctx(), function_name="f", code_signing_config_arn=arn
    )
    return answer


async def used(service: Lambda) -> dict[str, Any]:
    answer: dict[str, Any] = await service.api.get_function_code_signing_config(
        service.ctx(), function_name="f"
    )
    return answer


async def test_a_configuration_is_made_shown_changed_and_deleted(service: Lambda) -> None:
    made = await config(service, description="first")
    arn = made["CodeSigningConfigArn"]
    assert re.fullmatch(rf"arn:aws:lambda:{REGION}:{ACCOUNT}:code-signing-config:csc-[a-z0-9]{{17}}", arn)
    assert arn.endswith(made["CodeSigningConfigId"])
    assert made["AllowedPublishers"] == {"SigningProfileVersionArns": [PUBLISHER]}
    assert made["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Warn"}
    of_it = {"code_signing_config_arn": arn}
    assert (await service.api.get_code_signing_config(service.ctx(), **of_it))["CodeSigningConfig"] == made
    updated = await service.api.update_code_signing_config(
        service.ctx(),
        description="second",
        code_signing_policies={"UntrustedArtifactOnDeployment": "Enforce"},
        **of_it,
    )
    assert updated["CodeSigningConfig"]["Description"] == "second"
    assert updated["CodeSigningConfig"]["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Enforce"}
    listed = await service.api.list_code_signing_configs(service.ctx())
    assert listed["CodeSigningConfigs"] == [updated["CodeSigningConfig"]]
    await service.api.delete_code_signing_config(service.ctx(), **of_it)
    gone = not_found(f"The Lambda code signing configuration {arn} can not be found.")
    assert await refused(service.api.get_code_signing_config(service.ctx(), **of_it)) == gone
    assert (await service.api.list_code_signing_configs(service.ctx()))["CodeSigningConfigs"] == []


async def test_what_enforces_takes_no_package_that_is_not_signed(service: Lambda) -> None:
    """Nothing that is uploaded as a zip is."""
    arn = (await config(service, "Enforce"))["CodeSigningConfigArn"]
    assert await refused(create(service, code_signing_config_arn=arn)) == UNVERIFIED
    await active(service)
    await use(service, arn)
    assert await refused(update_code(service)) == UNVERIFIED
    assert await service.call({"a": 1}) == {"a": 1}  # what was deployed stays
    await service.api.delete_function_code_signing_config(service.ctx(), function_name="f")
    await update_code(service)
    await service.active()
    assert await service.call() == "new"


async def test_what_warns_takes_it(service: Lambda) -> None:
    arn = (await config(service))["CodeSigningConfigArn"]
    await active(service, code_signing_config_arn=arn)
    assert await used(service) == {"CodeSigningConfigArn": arn, "FunctionName": "f"}
    await update_code(service)
    await service.active()
    assert await service.call() == "new"


async def test_a_configuration_in_use_stays(service: Lambda) -> None:
    arn = (await config(service))["CodeSigningConfigArn"]
    await active(service)
    assert await used(service) == {}
    assert await use(service, arn) == {"CodeSigningConfigArn": arn, "FunctionName": "f"}
    of_it = {"code_signing_config_arn": arn}
    users = await service.api.list_functions_by_code_signing_config(service.ctx(), **of_it)
    assert users["FunctionArns"] == [f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"]
    text = "Cannot delete the code signing configuration because at least one function is using it."
    assert await refused(service.api.delete_code_signing_config(service.ctx(), **of_it)) == conflict(text)
    await service.api.delete_function_code_signing_config(service.ctx(), function_name="f")
    assert await used(service) == {}
    await service.api.delete_code_signing_config(service.ctx(), **of_it)


async def test_one_that_is_not_there_cannot_be_used(service: Lambda) -> None:
    assert await refused(create(service, code_signing_config_arn=MISSING)) == UNKNOWN
    await active(service)
    assert await refused(use(service, MISSING)) == UNKNOWN


async def test_it_has_tags(service: Lambda) -> None:
    arn = (await config(service, tags={"team": "a"}))["CodeSigningConfigArn"]
    await service.api.tag_resource(service.ctx(), resource=arn, tags={"stage": "test"})
    await service.api.untag_resource(service.ctx(), resource=arn, tag_keys=["team"])
    assert await service.api.list_tags(service.ctx(), resource=arn) == {"Tags": {"stage": "test"}}
