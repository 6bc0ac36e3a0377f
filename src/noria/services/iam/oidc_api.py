"""OpenID Connect providers: whose tokens AssumeRoleWithWebIdentity takes."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import msgspec

from noria.context import RequestContext
from noria.http.fetch import LOOPBACK
from noria.services.iam import errors, limits
from noria.services.iam.checks import new_tags, with_tags, without_tags
from noria.services.iam.models import OidcProvider, shown_tags
from noria.services.iam.paging import page
from noria.services.iam.repository import Repository

Answer = dict[str, Any]

THUMBPRINT = re.compile(r"[0-9A-Fa-f]{40}")
NAME = re.compile(r"[A-Za-z0-9._~:/\[\]-]+")  # of a host, a port and a path: nothing else can be in an ARN


class OidcProviderOperations:
    """One method an operation; see `noria.gateway` for how they are called."""

    def __init__(self, store: Repository) -> None:
        self._store = store

    async def create_open_id_connect_provider(
        self,
        ctx: RequestContext,
        *,
        url: str,
        client_id_list: list[str] | None = None,
        thumbprint_list: list[str] | None = None,
        tags: list[dict[str, str]] | None = None,
    ) -> Answer:
        client_ids = tuple(dict.fromkeys(client_id_list or ()))
        _check_client_ids(client_ids)
        provider = OidcProvider(
            name=_name(url),
            account=ctx.account,
            path="/",
            created_s=ctx.now_ms // 1000,
            url=url,
            client_ids=client_ids,
            thumbprints=_thumbprints(thumbprint_list or []),
            tags=new_tags(tags),
        )
        await self._store.oidc_providers.check_quota(ctx.account)
        if not await self._store.oidc_providers.insert(provider):
            raise errors.oidc_provider_exists(url)
        return {"OpenIDConnectProviderArn": provider.arn, "Tags": shown_tags(provider.tags) or None}

    async def get_open_id_connect_provider(
        self, ctx: RequestContext, *, open_id_connect_provider_arn: str
    ) -> Answer:
        provider = await self._store.oidc_provider(open_id_connect_provider_arn, ctx.account)
        return {
            "Url": provider.name,  # without its scheme, as AWS shows it
            "ClientIDList": list(provider.client_ids),
            "ThumbprintList": list(provider.thumbprints),
            "CreateDate": provider.created_s,
            "Tags": shown_tags(provider.tags) or None,
        }

    async def list_open_id_connect_providers(self, ctx: RequestContext) -> Answer:
        providers = await self._store.oidc_providers.all(ctx.account)
        return {"OpenIDConnectProviderList": [{"Arn": provider.arn} for provider in providers]}

    async def delete_open_id_connect_provider(
        self, ctx: RequestContext, *, open_id_connect_provider_arn: str
    ) -> None:
        """AWS: "it does not fail or return an error if you call the operation for a provider that does not
        exist"."""
        provider = await self._store.find_oidc_provider(open_id_connect_provider_arn, ctx.account)
        if provider is not None:
            await self._store.oidc_providers.discard(ctx.account, provider.name)

    async def add_client_id_to_open_id_connect_provider(
        self, ctx: RequestContext, *, open_id_connect_provider_arn: str, client_id: str
    ) -> None:
        """One that it has already is no error."""

        def add(provider: OidcProvider) -> OidcProvider:
            client_ids = tuple(dict.fromkeys((*provider.client_ids, client_id)))
            _check_client_ids(client_ids)
            return msgspec.structs.replace(provider, client_ids=client_ids)

        await self._store.change_oidc_provider(open_id_connect_provider_arn, ctx.account, add)

    async def remove_client_id_from_open_id_connect_provider(
        self, ctx: RequestContext, *, open_id_connect_provider_arn: str, client_id: str
    ) -> None:
        """One that it does not have is no error."""

        def remove(provider: OidcProvider) -> OidcProvider:
            rest = tuple(other for other in provider.client_ids if other != client_id)
            return msgspec.structs.replace(provider, client_ids=rest)

        await self._store.change_oidc_provider(open_id_connect_provider_arn, ctx.account, remove)

    async def update_open_id_connect_provider_thumbprint(
        self, ctx: RequestContext, *, open_id_connect_provider_arn: str, thumbprint_list: list[str]
    ) -> None:
        """In place of those that it has."""
        thumbprints = _thumbprints(thumbprint_list)
        await self._store.change_oidc_provider(
            open_id_connect_provider_arn,
            ctx.account,
            lambda it: msgspec.structs.replace(it, thumbprints=thumbprints),
        )

    async def tag_open_id_connect_provider(
        self, ctx: RequestContext, *, open_id_connect_provider_arn: str, tags: list[dict[str, str]]
    ) -> None:
        await self._store.change_oidc_provider(
            open_id_connect_provider_arn,
            ctx.account,
            lambda it: msgspec.structs.replace(it, tags=with_tags(it.tags, tags)),
        )

    async def untag_open_id_connect_provider(
        self, ctx: RequestContext, *, open_id_connect_provider_arn: str, tag_keys: list[str]
    ) -> None:
        await self._store.change_oidc_provider(
            open_id_connect_provider_arn,
            ctx.account,
            lambda it: msgspec.structs.replace(it, tags=without_tags(it.tags, tag_keys)),
        )

    async def list_open_id_connect_provider_tags(
        self,
        ctx: RequestContext,
        *,
        open_id_connect_provider_arn: str,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Answer:
        provider = await self._store.oidc_provider(open_id_connect_provider_arn, ctx.account)
        shown, more = page(shown_tags(provider.tags), lambda tag: tag["Key"], marker, max_items)
        return {"Tags": shown} | more


def _name(url: str) -> str:
    """What stands for the provider in its ARN and before its condition keys. Raises ValidationError.

    HTTPS only; a provider on this very machine, of a test say, may do without and have a port.
    """
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018, raises where it is none
    except ValueError:
        raise errors.invalid_oidc_url() from None
    is_secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    name = url.partition("://")[2]
    if not is_secure or not parts.hostname or not NAME.fullmatch(name):
        raise errors.invalid_oidc_url()
    return name


def _check_client_ids(client_ids: tuple[str, ...]) -> None:
    if len(client_ids) > limits.CLIENT_IDS_PER_OIDC_PROVIDER:
        quota = "ClientIdsPerOpenIdConnectProvider"
        raise errors.quota_exceeded(quota, limits.CLIENT_IDS_PER_OIDC_PROVIDER)


def _thumbprints(asked: list[str]) -> tuple[str, ...]:
    if len(asked) > limits.THUMBPRINTS_PER_OIDC_PROVIDER:
        raise errors.invalid_input("Thumbprint list must contain fewer than 5 entries.")
    if not all(THUMBPRINT.fullmatch(thumbprint) for thumbprint in asked):
        raise errors.invalid_input("Thumbprint must be a hex-encoded SHA-1 hash.")
    return tuple(thumbprint.lower() for thumbprint in asked)
