"""Resources' own policies and tags, boundaries and principals' tags, as requests meet them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.policies import identity_of, identity_policy, resource_policy

from noria.auth.authorize import Authorizer, Denial, Resource
from noria.clock import ManualClock
from noria.context import Principal, RequestContext, root_principal, service_principal
from noria.errors import AwsError
from noria.policy.evaluate import NOBODY, Attached, Identity

HERE, THERE = "111111111111", "222222222222"
QUEUE = f"arn:aws:sqs:us-east-1:{HERE}:q"
ROLE_ARN = f"arn:aws:iam::{HERE}:role/R"
ROLE = Principal(
    "assumed-role", HERE, f"arn:aws:sts::{HERE}:assumed-role/R/s", "AROAR:s", "R", role_arn=ROLE_ARN
)
ALLOWS = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}


def to(principal: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": "sqs:*", "Resource": "*"} | more


class World:
    """Implements PolicySource and Resources over two fields."""

    def __init__(self, identity: Identity = NOBODY, queue: Resource | None = None) -> None:
        self.its_identity = identity
        self.queue = queue
        self.changes = 0
        self.looked_up: list[str] = []
        self.authorizer = Authorizer(
            self, "enforce", {"sqs": Denial("AccessDeniedException", lowercase_action=True)}, ManualClock()
        )
        self.authorizer.resources["sqs"] = self

    async def identity(self, principal: Principal) -> Identity:
        return self.its_identity

    async def entity_arn(self, arn: str) -> str:
        return arn

    def generation(self) -> int:
        return self.changes

    async def resource(self, arn: str) -> Resource | None:
        self.looked_up.append(arn)
        return self.queue if arn == QUEUE else None

    async def may(self, principal: Principal, resource: str = QUEUE, **conditions: str) -> bool:
        return await self.authorizer.allows(principal, "sqs:SendMessage", resource, conditions)

    async def refusal(self, principal: Principal) -> str:
        ctx = RequestContext("r", "sqs", "SendMessage", principal.account, "us-east-1", principal, 1)
        with pytest.raises(AwsError) as refused:
            await self.authorizer.require(ctx, "sqs:SendMessage", QUEUE)
        return refused.value.message.partition(QUEUE)[2]


async def test_a_queues_own_policy_lets_in() -> None:
    world = World(queue=Resource(resource_policy(to({"AWS": ROLE_ARN}))))
    assert await world.may(ROLE)
    assert not await world.may(ROLE, QUEUE + "2")


async def test_a_change_of_it_holds_for_the_next_request() -> None:
    world = World(queue=Resource(resource_policy(to({"AWS": ROLE_ARN}))))
    for _ in range(3):
        assert await world.may(ROLE)
    assert world.looked_up == [QUEUE]
    world.queue = Resource()
    world.changes += 1
    assert not await world.may(ROLE)


async def test_another_accounts_queue_needs_both() -> None:
    stranger = Principal("user", THERE, f"arn:aws:iam::{THERE}:user/bob", "AIDAB", "bob")
    world = World(identity_of(identity_policy(ALLOWS)))
    assert await world.refusal(stranger) == (
        " because no resource-based policy allows the sqs:sendmessage action"
    )
    world = World(identity_of(identity_policy(ALLOWS)), Resource(resource_policy(to({"AWS": THERE}))))
    assert await world.may(stranger)


async def test_root_is_bound_by_what_a_queue_denies_and_by_its_account() -> None:
    root = root_principal(HERE)
    assert await World().may(root)
    assert not await World(queue=Resource(resource_policy(to("*", Effect="Deny")))).may(root)
    assert not await World(queue=Resource()).may(root_principal(THERE))


async def test_a_service_is_let_in_by_the_queue_alone() -> None:
    condition = {"ArnEquals": {"aws:SourceArn": "arn:aws:sns:us-east-1:111111111111:t"}}
    policy = resource_policy(to({"Service": "sns.amazonaws.com"}, Condition=condition))
    world = World(identity_of(identity_policy(ALLOWS)), Resource(policy))
    service = service_principal("sns.amazonaws.com")
    assert await world.may(service, **{"aws:SourceArn": "arn:aws:sns:us-east-1:111111111111:t"})
    assert not await world.may(service, **{"aws:SourceArn": "arn:aws:sns:us-east-1:222222222222:t"})
    assert not await world.may(service)
    assert not await World(identity_of(identity_policy(ALLOWS))).may(service)


async def test_a_boundary_limits() -> None:
    only_receive = {"Effect": "Allow", "Action": "sqs:ReceiveMessage", "Resource": "*"}
    world = World(identity_of(identity_policy(ALLOWS), boundary=identity_policy(only_receive)))
    assert await world.refusal(ROLE) == (" because no permissions boundary allows the sqs:sendmessage action")


async def test_an_explicit_deny_names_the_managed_policy() -> None:
    arn = f"arn:aws:iam::{HERE}:policy/NoSends"
    denies = identity_policy({"Effect": "Deny", "Action": "sqs:SendMessage", "Resource": "*"})
    world = World(Identity((Attached(denies, "NoSends", arn),)))
    assert await world.refusal(ROLE) == f" with an explicit deny in an identity-based policy: {arn}"


def tagged(key: str) -> Identity:
    statement = ALLOWS | {"Condition": {"StringEquals": {key: "blue"}}}
    return Identity((Attached(identity_policy(statement)),), tags={"Team": "blue", "Other": "red"})


async def test_a_resources_tags_are_condition_keys() -> None:
    assert await World(tagged("aws:ResourceTag/team"), Resource(tags={"team": "blue"})).may(ROLE)
    assert not await World(tagged("aws:ResourceTag/team"), Resource(tags={"team": "red"})).may(ROLE)
    assert not await World(tagged("aws:ResourceTag/team"), Resource()).may(ROLE)
    assert not await World(tagged("aws:ResourceTag/team")).may(ROLE)


async def test_a_principals_tags_are_condition_keys_its_sessions_first() -> None:
    assert await World(tagged("aws:PrincipalTag/Team")).may(ROLE)
    assert await World(tagged("aws:PrincipalTag/team")).may(ROLE)
    assert not await World(tagged("aws:PrincipalTag/Other")).may(ROLE)
    overridden = Principal(
        "assumed-role", HERE, ROLE.arn, ROLE.user_id, "R", (), ROLE_ARN, (("team", "red"), ("Other", "blue"))
    )
    assert not await World(tagged("aws:PrincipalTag/Team")).may(overridden)
    assert await World(tagged("aws:PrincipalTag/Other")).may(overridden)
