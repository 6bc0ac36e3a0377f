"""A user's other credentials: passwords for single services, and those that nobody can have in Noria."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import msgspec

from noria.auth.credentials import unique_id
from noria.context import RequestContext
from noria.errors import AwsError
from noria.services.iam import errors
from noria.services.iam.models import ServiceCredential, User
from noria.services.iam.repository import Repository
from noria.services.iam.users_api import caller_name

Answer = dict[str, Any]

SERVICES = frozenset(("codecommit.amazonaws.com", "cassandra.amazonaws.com"))
PER_SERVICE = 2
STATUS = {True: "Active", False: "Inactive"}


class CredentialOperations:
    """One method an operation; see `noria.gateway` for how they are called."""

    def __init__(self, store: Repository) -> None:
        self._store = store

    async def create_service_specific_credential(
        self, ctx: RequestContext, *, user_name: str, service_name: str
    ) -> Answer:
        await self._store.users.get(ctx.account, user_name)
        if service_name not in SERVICES:
            text = f"No such service {service_name} is supported for Service Specific Credentials"
            raise AwsError("NoSuchEntity", text, 404)
        made: list[ServiceCredential] = []

        def add(user: User) -> User:
            ordinal = sum(held.service == service_name for held in user.service_credentials)
            if ordinal >= PER_SERVICE:
                raise errors.quota_exceeded("ServiceSpecificCredentialsPerUser", PER_SERVICE)
            name = f"{user_name}{f'+{ordinal}' if ordinal else ''}-at-{ctx.account}"
            now_s = ctx.now_ms // 1000
            made[:] = [ServiceCredential(unique_id("ACCA"), service_name, name, now_s)]
            return msgspec.structs.replace(user, service_credentials=(*user.service_credentials, *made))

        await self._store.users.change(ctx.account, user_name, add)
        shown = _listed(user_name, made[0]) | {"ServicePassword": _password()}
        return {"ServiceSpecificCredential": shown}

    async def list_service_specific_credentials(
        self, ctx: RequestContext, *, user_name: str | None = None, service_name: str | None = None
    ) -> Answer:
        user = await self._store.users.get(ctx.account, user_name or caller_name(ctx))
        shown = [
            _listed(user.name, held)
            for held in user.service_credentials
            if service_name in (None, held.service)
        ]
        return {"ServiceSpecificCredentials": shown}

    async def update_service_specific_credential(
        self,
        ctx: RequestContext,
        *,
        service_specific_credential_id: str,
        status: str,
        user_name: str | None = None,
    ) -> None:
        await self._change(
            ctx,
            user_name,
            service_specific_credential_id,
            lambda held: (msgspec.structs.replace(held, active=status == STATUS[True]),),
        )

    async def reset_service_specific_credential(
        self, ctx: RequestContext, *, service_specific_credential_id: str, user_name: str | None = None
    ) -> Answer:
        user = await self._change(ctx, user_name, service_specific_credential_id, lambda held: (held,))
        held = next(
            held for held in user.service_credentials if held.credential_id == service_specific_credential_id
        )
        return {"ServiceSpecificCredential": _listed(user.name, held) | {"ServicePassword": _password()}}

    async def delete_service_specific_credential(
        self, ctx: RequestContext, *, service_specific_credential_id: str, user_name: str | None = None
    ) -> None:
        await self._change(ctx, user_name, service_specific_credential_id, lambda held: ())

    async def _change(
        self,
        ctx: RequestContext,
        user_name: str | None,
        credential_id: str,
        change: Callable[[ServiceCredential], tuple[ServiceCredential, ...]],
    ) -> User:
        def changed(user: User) -> User:
            if all(held.credential_id != credential_id for held in user.service_credentials):
                raise AwsError("NoSuchEntity", f"No such credential {credential_id} exists", 404)
            rest: list[ServiceCredential] = []
            for held in user.service_credentials:
                rest += change(held) if held.credential_id == credential_id else (held,)
            return msgspec.structs.replace(user, service_credentials=tuple(rest))

        return await self._store.users.change(ctx.account, user_name or caller_name(ctx), changed)

    # What no user can have: looked for by tools that delete users, and made by nobody (docs/parity.md).

    async def get_login_profile(self, ctx: RequestContext, *, user_name: str | None = None) -> None:
        await self._no_login_profile(ctx, user_name)

    async def delete_login_profile(self, ctx: RequestContext, *, user_name: str | None = None) -> None:
        await self._no_login_profile(ctx, user_name)

    async def _no_login_profile(self, ctx: RequestContext, user_name: str | None) -> None:
        user = await self._store.users.get(ctx.account, user_name or caller_name(ctx))
        raise AwsError("NoSuchEntity", f"Login Profile for User {user.name} cannot be found.", 404)

    async def list_mfa_devices(self, ctx: RequestContext, *, user_name: str | None = None) -> Answer:
        await self._user(ctx, user_name)
        return {"MFADevices": [], "IsTruncated": False}

    async def list_signing_certificates(self, ctx: RequestContext, *, user_name: str | None = None) -> Answer:
        await self._user(ctx, user_name)
        return {"Certificates": [], "IsTruncated": False}

    async def list_ssh_public_keys(self, ctx: RequestContext, *, user_name: str | None = None) -> Answer:
        await self._user(ctx, user_name)
        return {"SSHPublicKeys": [], "IsTruncated": False}

    async def _user(self, ctx: RequestContext, user_name: str | None) -> None:
        """Root has none of them either."""
        if user_name is not None or ctx.principal.kind != "root":
            await self._store.users.get(ctx.account, user_name or caller_name(ctx))


def _listed(user: str, held: ServiceCredential) -> Answer:
    return {
        "UserName": user,
        "Status": STATUS[held.active],
        "ServiceUserName": held.service_user,
        "CreateDate": held.created_s,
        "ServiceSpecificCredentialId": held.credential_id,
        "ServiceName": held.service,
    }


def _password() -> str:
    """Shown once, kept nowhere: nothing in Noria asks for it."""
    return secrets.token_urlsafe(33)
