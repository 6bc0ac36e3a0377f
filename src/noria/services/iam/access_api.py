"""Which services an identity can use, by which policies, and when it last did."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from noria.context import RequestContext
from noria.errors import AwsError, not_implemented
from noria.policy.document import stored_policy
from noria.policy.statement import strings
from noria.services.iam.last_used import LastUsed, Use
from noria.services.iam.models import Group, PolicyHolder, User
from noria.services.iam.paging import page
from noria.services.iam.repository import POLICY_ARN, Repository
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

SERVICE_LEVEL = "SERVICE_LEVEL"
JOBS_KEPT = 1000  # reports that can still be asked for; the oldest goes first


class Job(msgspec.Struct, frozen=True):
    """A report that was asked for. arn: whose."""

    account: str
    arn: str
    created_s: int


class Subject(msgspec.Struct, frozen=True):
    """What a report is about: policies, and the users and roles that have them."""

    sources: Sequence[Source]
    entities: Sequence[PolicyHolder]


class AccessOperations:
    """One method an operation; see `noria.gateway` for how they are called."""

    def __init__(self, store: Repository, last_used: LastUsed) -> None:
        self._store = store
        self._last_used = last_used
        self._jobs: dict[str, Job] = {}

    async def generate_service_last_accessed_details(
        self, ctx: RequestContext, *, arn: str, granularity: str = SERVICE_LEVEL
    ) -> Answer:
        """Of a user, group, role or managed policy."""
        if granularity != SERVICE_LEVEL:
            raise not_implemented(f"GenerateServiceLastAccessedDetails's Granularity {granularity}")
        await self._subject(ctx.account, arn)
        if len(self._jobs) >= JOBS_KEPT:
            self._jobs.pop(next(iter(self._jobs)))
        job_id = str(uuid.uuid4())
        self._jobs[job_id] = Job(ctx.account, arn, ctx.now_ms // 1000)
        return {"JobId": job_id}

    async def get_service_last_accessed_details(
        self, ctx: RequestContext, *, job_id: str, marker: str | None = None, max_items: int | None = None
    ) -> Answer:
        """Of the services that the policies allow anything of."""
        job = self._job(ctx, job_id)
        subject = await self._subject(ctx.account, job.arn)
        names = [name for name in SERVICES if any(_grants(source, name) for source in subject.sources)]
        shown, more = page(names, str, marker, max_items)
        services = [await self._accessed(subject.entities, name) for name in shown]
        return _completed(job) | {"JobType": SERVICE_LEVEL, "ServicesLastAccessed": services} | more

    async def get_service_last_accessed_details_with_entities(
        self,
        ctx: RequestContext,
        *,
        job_id: str,
        service_namespace: str,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Answer:
        """Which users and roles, and when. Raises NoSuchEntity for a service that the report leaves out."""
        job = self._job(ctx, job_id)
        subject = await self._subject(ctx.account, job.arn)
        granted = any(_grants(source, service_namespace) for source in subject.sources)
        if service_namespace not in SERVICES or not granted:
            text = f"Service {service_namespace} cannot be found in the report of job {job_id}."
            raise AwsError("NoSuchEntity", text, 404)
        shown, more = page(subject.entities, lambda entity: f"{entity.kind}/{entity.name}", marker, max_items)
        details = []
        for entity in shown:
            use = await self._use(entity, service_namespace)
            details.append({"EntityInfo": _info(entity), "LastAuthenticated": use.time_s if use else None})
        return _completed(job) | {"EntityDetailsList": details} | more

    def _job(self, ctx: RequestContext, job_id: str) -> Job:
        job = self._jobs.get(job_id)
        if job is None or job.account != ctx.account:
            raise AwsError("NoSuchEntity", f"Job {job_id} cannot be found.", 404)
        return job

    async def _subject(self, account: str, arn: str) -> Subject:
        """Raises InvalidInput, NoSuchEntity."""
        if POLICY_ARN.fullmatch(arn):
            policy = await self._store.policy(arn, account)
            document = policy.document
            source = Source(policy.name, document, stored_policy(document))
            return Subject([source], await self._holders_of(arn, account))
        holder = await holder_of(self._store, account, arn)
        users = await self._store.members(account, holder.name) if holder.kind == "group" else [holder]
        return Subject(await sources_of(self._store, holder), users)

    async def _holders_of(self, policy_arn: str, account: str) -> list[PolicyHolder]:
        """The users and roles that have a managed policy, by a group or themselves."""
        every = await self._store.holders(account)
        groups = {it.name for it in every if isinstance(it, Group) and policy_arn in it.attached}
        return [
            it
            for it in every
            if not isinstance(it, Group)
            if policy_arn in it.attached or (isinstance(it, User) and not groups.isdisjoint(it.groups))
        ]

    async def _use(self, entity: PolicyHolder, service: str) -> Use | None:
        return await self._last_used.of(entity.account, f"{entity.unique_id}/{SCOPES.get(service, service)}")

    async def _accessed(self, entities: Sequence[PolicyHolder], service: str) -> Answer:
        """By whichever of them was the last."""
        uses = []
        for entity in entities:
            use = await self._use(entity, service)
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


def _completed(job: Job) -> Answer:
    """A job is done at once."""
    return {"JobStatus": "COMPLETED", "JobCreationDate": job.created_s, "JobCompletionDate": job.created_s}


def _info(entity: PolicyHolder) -> Answer:
    return {
        "Arn": entity.arn,
        "Name": entity.name,
        "Type": entity.kind.upper(),
        "Id": entity.unique_id,
        "Path": entity.path,
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
