"""Which services an identity can use, by which policies, and when it last did."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from noria.context import RequestContext
from noria.errors import AwsError
from noria.policy.statement import strings
from noria.services.iam.last_used import LastUsed
from noria.services.iam.models import PolicyHolder
from noria.services.iam.paging import page
from noria.services.iam.repository import Repository
from noria.services.iam.sources import Source, holder_of, sources_of

Answer = dict[str, Any]

SERVICES = {
    "cloudwatch": "Amazon CloudWatch",
    "iam": "AWS Identity and Access Management",
    "lambda": "AWS Lambda",
    "logs": "Amazon CloudWatch Logs",
    "sqs": "Amazon SQS",
    "sts": "AWS Security Token Service",
}
"""Those that there are here: namespace → AWS's name."""
SCOPES = {"cloudwatch": "monitoring"}
"""What credential scopes call a service, where that is not its namespace."""

JOBS_KEPT = 1000  # reports that can still be asked for; the oldest goes first


class Job(msgspec.Struct, frozen=True):
    """A report that was asked for. arn: whose."""

    account: str
    arn: str
    created_s: int


class AccessOperations:
    """One method an operation; see `noria.gateway` for how they are called."""

    def __init__(self, store: Repository, last_used: LastUsed) -> None:
        self._store = store
        self._last_used = last_used
        self._jobs: dict[str, Job] = {}

    async def generate_service_last_accessed_details(self, ctx: RequestContext, *, arn: str) -> Answer:
        await holder_of(self._store, ctx.account, arn)
        if len(self._jobs) >= JOBS_KEPT:
            self._jobs.pop(next(iter(self._jobs)))
        job_id = str(uuid.uuid4())
        self._jobs[job_id] = Job(ctx.account, arn, ctx.now_ms // 1000)
        return {"JobId": job_id}

    async def get_service_last_accessed_details(
        self, ctx: RequestContext, *, job_id: str, marker: str | None = None, max_items: int | None = None
    ) -> Answer:
        """Of the services that the identity's policies allow anything of. A job is done at once."""
        job = self._jobs.get(job_id)
        if job is None or job.account != ctx.account:
            raise AwsError("NoSuchEntity", f"Job {job_id} cannot be found.", 404)
        holder = await holder_of(self._store, ctx.account, job.arn)
        sources = await sources_of(self._store, holder)
        names = [name for name in SERVICES if any(_grants(source, name) for source in sources)]
        shown, more = page(names, str, marker, max_items)
        return {
            "JobStatus": "COMPLETED",
            "JobType": "SERVICE_LEVEL",
            "JobCreationDate": job.created_s,
            "JobCompletionDate": job.created_s,
            "ServicesLastAccessed": [await self._accessed(holder, name) for name in shown],
        } | more

    async def _accessed(self, holder: PolicyHolder, service: str) -> Answer:
        """Of a group: by whichever of its users was the last."""
        entities: Sequence[PolicyHolder] = [holder]
        if holder.kind == "group":
            entities = await self._store.members(holder.account, holder.name)
        uses = []
        for entity in entities:
            use = await self._last_used.of(
                holder.account, f"{entity.unique_id}/{SCOPES.get(service, service)}"
            )
            if use is not None:
                uses.append((use.time_s, entity.arn, use.region))
        shown: Answer = {
            "ServiceName": SERVICES[service],
            "ServiceNamespace": service,
            "TotalAuthenticatedEntities": len(uses),
        }
        if uses:
            time_s, arn, region = max(uses)
            shown |= {
                "LastAuthenticated": time_s,
                "LastAuthenticatedEntity": arn,
                "LastAuthenticatedRegion": region,
            }
        return shown

    async def list_policies_granting_service_access(
        self, ctx: RequestContext, *, arn: str, service_namespaces: list[str], marker: str | None = None
    ) -> Answer:
        """All on one page: an identity has some dozens of policies at most."""
        holder = await holder_of(self._store, ctx.account, arn)
        sources = await sources_of(self._store, holder)
        return {
            "PoliciesGrantingServiceAccess": [
                {"ServiceNamespace": name, "Policies": list(_granting(sources, holder, name))}
                for name in service_namespaces
            ],
            "IsTruncated": False,
        }


def _granting(sources: Sequence[Source], asked: PolicyHolder, service: str) -> Iterator[Answer]:
    for source in sources:
        if not _grants(source, service) or source.holder is None:
            continue
        if source.arn:
            yield {"PolicyName": source.name, "PolicyType": "MANAGED", "PolicyArn": source.arn}
            continue
        holder = source.holder
        yield {
            "PolicyName": source.name.removeprefix(f"{holder.kind}_{holder.name}_"),
            "PolicyType": "INLINE",
            "EntityType": holder.kind.upper(),
            "EntityName": holder.name,
        }


def _grants(source: Source, service: str) -> bool:
    """Whether a policy allows any action of a service."""
    for statement in source.policy.allows:
        if "NotAction" in statement.fields:
            if not {"*", f"{service}:*"} & set(strings(statement.fields["NotAction"])):
                return True
        elif any(
            action.partition(":")[0] in ("*", service) for action in strings(statement.fields["Action"])
        ):
            return True
    return False
