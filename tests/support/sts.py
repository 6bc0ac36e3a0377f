"""Calls STS's api as the gateway does, beside IAM and the authorizer over the same store."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore import xform_name
from tests.support.iam import ACCOUNT, IamClient

from noria.auth.authorize import Action, Authorizer
from noria.auth.credentials import Credentials, generate_root_credentials
from noria.context import Principal, RequestContext, root_principal
from noria.errors import AwsError
from noria.protocol.models import load_service
from noria.protocol.validate import validate
from noria.services.iam.directory import user_principal
from noria.services.sts.actions import ACTIONS, DENIAL
from noria.services.sts.api import StsApi


class StsClient:
    """``await sts("GetSessionToken")``: validated, authorized and called as the gateway does."""

    def __init__(self, iam: IamClient) -> None:
        self.iam = iam
        self.clock = iam.clock
        self.credentials = Credentials(generate_root_credentials(ACCOUNT), iam.directory)
        self.authorizer = Authorizer(iam.directory, "enforce", {"sts": DENIAL}, self.clock)
        self.authorizer.resources["iam"] = iam.directory
        self.api = StsApi(iam.directory, self.credentials, self.authorizer, self.clock)
        self.root = root_principal(ACCOUNT)

    async def __call__(
        self, operation_name: str, by: Principal | None = None, key_id: str = "", **members: Any
    ) -> dict[str, Any]:
        """key_id: of the key that signed."""
        caller = by or self.root
        ctx = RequestContext(
            "r", "sts", operation_name, caller.account, "us-east-1", caller, self.clock.now_ms(),
            access_key_id=key_id,
        )  # fmt: skip
        operation = load_service("sts").operation(operation_name)
        assert operation is not None
        params = {xform_name(name): value for name, value in members.items()}
        validate(operation, params)
        action: Action = ACTIONS[operation_name]
        await self.authorizer.authorize(ctx, action, params)
        answer: dict[str, Any] = await getattr(self.api, operation.method_name)(ctx, **params)
        return {name: value for name, value in answer.items() if value is not None}

    async def assume(self, arn: str, by: Principal | None = None, **members: Any) -> Principal:
        """The session that AssumeRole's credentials prove."""
        return self.prove(await self("AssumeRole", by, RoleArn=arn, RoleSessionName="session", **members))

    def prove(self, answer: dict[str, Any]) -> Principal:
        keys = answer["Credentials"]
        found = self.credentials.lookup(keys["AccessKeyId"], keys["SessionToken"], self.clock.now_ms())
        assert found.secret_access_key == keys["SecretAccessKey"]
        return found.principal

    async def user(self, name: str = "U", **inline: str) -> Principal:
        await self.iam.user(name)
        for policy, document in inline.items():
            await self.iam("PutUserPolicy", UserName=name, PolicyName=policy, PolicyDocument=document)
        return user_principal(await self.iam.api._store.users.get(ACCOUNT, name))

    async def role(self, name: str, *statements: dict[str, Any], **inline: str) -> str:
        """Its ARN. statements: of its trust policy."""
        trust = json.dumps({"Version": "2012-10-17", "Statement": statements})
        arn: str = (await self.iam.role(name, trust))["Arn"]
        for policy, document in inline.items():
            await self.iam("PutRolePolicy", RoleName=name, PolicyName=policy, PolicyDocument=document)
        return arn

    async def refused(self, operation: str, by: Principal | None = None, **members: Any) -> tuple[str, str]:
        with pytest.raises(AwsError) as caught:
            await self(operation, by, **members)
        return caught.value.code, caught.value.message
