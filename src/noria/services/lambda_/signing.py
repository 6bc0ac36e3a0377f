"""Code signing configurations: which packages a function takes.

Packages are uploaded here, and AWS Signer signs only what is in S3: nothing that arrives is signed. So a
configuration that enforces refuses every package, and one that warns takes it, which the server's log says.
"""

from __future__ import annotations

import logging
import secrets
import string
import time
from typing import Any, Literal

import msgspec

from noria.errors import AwsError
from noria.services.lambda_ import errors
from noria.services.lambda_.models import Function
from noria.services.lambda_.tables import Table
from noria.services.ports import TagEdit

log = logging.getLogger(__name__)

ID_LENGTH = 17
ALPHABET = string.ascii_lowercase + string.digits


class SigningConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """publishers: ARNs of signing profiles' versions."""

    account: str
    region: str
    config_id: str
    description: str = ""
    publishers: list[str]
    untrusted: Literal["Warn", "Enforce"] = "Warn"
    tags: dict[str, str] = {}
    modified_ms: int

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:code-signing-config:{self.config_id}"


def new_id() -> str:
    return "csc-" + "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))


def shown(config: SigningConfig) -> dict[str, Any]:
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(config.modified_ms // 1000))
    return {
        "CodeSigningConfigId": config.config_id,
        "CodeSigningConfigArn": config.arn,
        "Description": config.description,
        "AllowedPublishers": {"SigningProfileVersionArns": config.publishers},
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": config.untrusted},
        "LastModified": f"{at}.{config.modified_ms % 1000:03d}+0000",
    }


class SigningConfigs:
    """By their ids."""

    def __init__(self, table: Table[SigningConfig]) -> None:
        self.table = table

    async def find(self, arn: str) -> SigningConfig | None:
        _, _, _, region, account, _, config_id = arn.split(":")
        return await self.table.get(account, region, config_id)

    async def check_package(self, function: Function) -> None:
        """A package for the function has arrived.

        Raises CodeVerificationFailedException, CodeSigningConfigNotFoundException.
        """
        arn = function.shared.code_signing_config_arn
        config = await self.find(arn) if arn else None
        if arn and config is None:
            raise unknown(arn)
        if config is None:
            return
        if config.untrusted == "Enforce":
            raise errors.code_not_verified(function.name)
        log.warning("the package of %s is not signed, and %s warns of that", function.arn, arn)


class SigningTags:
    """Implements `ports.TaggedResources`."""

    def __init__(self, configs: SigningConfigs) -> None:
        self._configs = configs

    async def _config(self, arn: str) -> SigningConfig:
        config = await self._configs.find(arn)
        if config is None:
            raise not_found(arn)
        return config

    async def tags(self, arn: str) -> dict[str, str]:
        return (await self._config(arn)).tags

    async def change_tags(self, arn: str, edit: TagEdit) -> None:
        while True:
            old = await self._config(arn)
            new = msgspec.structs.replace(old, tags=edit(old.tags))
            if await self._configs.table.replace(old.account, old.region, old.config_id, old, new):
                return


def not_found(arn: str) -> AwsError:
    """Of the configuration itself."""
    return errors.not_found(f"The Lambda code signing configuration {arn} can not be found.")


def unknown(arn: str) -> AwsError:
    """Of one that a function is to have."""
    text = (
        "The code signing configuration cannot be found. Check that the provided configuration is not "
        f"deleted: {arn}."
    )
    return AwsError("CodeSigningConfigNotFoundException", text, 404, members=errors.USER)
