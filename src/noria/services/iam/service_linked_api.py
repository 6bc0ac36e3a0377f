"""Service-linked roles: made for a service, changed by nobody else."""

from __future__ import annotations

import uuid
from typing import Any

from noria.auth.credentials import unique_id
from noria.context import RequestContext
from noria.errors import AwsError
from noria.services.iam import errors, limits
from noria.services.iam.models import Role
from noria.services.iam.repository import Repository
from noria.services.iam.service_linked import SUFFIXED, linked_role

Answer = dict[str, Any]

TASKS_KEPT = 1000  # deletions whose status can still be asked for


class ServiceLinkedRoleOperations:
    """One method an operation; see `noria.gateway` for how they are called."""

    def __init__(self, store: Repository) -> None:
        self._store = store
        self._deletions: dict[tuple[str, str], None] = {}  # (account, task), the oldest first

    async def create_service_linked_role(
        self,
        ctx: RequestContext,
        *,
        aws_service_name: str,
        description: str | None = None,
        custom_suffix: str | None = None,
    ) -> Answer:
        made = linked_role(aws_service_name, custom_suffix)
        if made is None:
            text = f"Cannot find Service Linked Role template for {aws_service_name}"
            raise AwsError("AccessDenied", text, 403)
        if custom_suffix and aws_service_name not in SUFFIXED:
            raise errors.invalid_input(f"Custom suffix is not allowed for {aws_service_name}")
        role = Role(
            name=made.name,
            account=ctx.account,
            path=made.path,
            role_id=unique_id("AROA"),
            created_s=ctx.now_ms // 1000,
            trust=made.trust,
            max_session_s=limits.DEFAULT_SESSION_S,
            description=description or made.description,
            attached=(made.policy,),
            linked_service=aws_service_name,
        )
        if not await self._store.roles.insert(role):
            taken = f"Service role name {made.name} has been taken in this account"
            text = f"{taken}, please try a different suffix."
            raise errors.invalid_input(text)
        return {"Role": role.listed() | {"MaxSessionDuration": None}}

    async def delete_service_linked_role(self, ctx: RequestContext, *, role_name: str) -> Answer:
        """Done at once: none of these services is here to still need its role."""

        def check(role: Role) -> None:
            if not role.linked_service:
                raise errors.no_such_entity("role", role_name)

        role = await self._store.roles.delete(ctx.account, role_name, check)
        task = f"task{role.path}{role.name}/{uuid.uuid4()}"
        if len(self._deletions) >= TASKS_KEPT:
            self._deletions.pop(next(iter(self._deletions)))
        self._deletions[ctx.account, task] = None
        return {"DeletionTaskId": task}

    async def get_service_linked_role_deletion_status(
        self, ctx: RequestContext, *, deletion_task_id: str
    ) -> Answer:
        if (ctx.account, deletion_task_id) not in self._deletions:
            text = f"Deletion task {deletion_task_id} cannot be found."
            raise AwsError("NoSuchEntity", text, 404)
        return {"Status": "SUCCEEDED"}
