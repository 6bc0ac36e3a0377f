"""The last denials are kept, bounded, and can be explained as they were decided."""

from __future__ import annotations

from tests.support.policies import identity_of, identity_policy

from noria.auth.denials import DENIALS_KEPT, MAX_RESOURCE_CHARS, Denials, Denied
from noria.context import Principal
from noria.policy.evaluate import Decision, PolicyRequest

ACCOUNT = "111111111111"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"


def denied(request_id: str, resource: str = QUEUE, name: str = "ann", account: str = ACCOUNT) -> Denied:
    principal = Principal("user", account, f"arn:aws:iam::{account}:user/{name}", "AIDA", name)
    request = PolicyRequest(principal, "sqs:SendMessage", resource, {"aws:SourceIp": "10.1.1.1"})
    identity = identity_of(identity_policy({"Effect": "Allow", "Action": "sqs:Get*", "Resource": "*"}))
    return Denied(request_id, 1_700_000_000_000, request, identity, None, False, Decision(False))


def test_a_denial_is_explained_whole() -> None:
    denials = Denials()
    denials.keep(denied("r1"))
    found = denials.get("r1")
    assert found is not None
    assert found.explanation() == {
        "request_id": "r1",
        "time_ms": 1_700_000_000_000,
        "principal": f"arn:aws:iam::{ACCOUNT}:user/ann",
        "action": "sqs:SendMessage",
        "resource": QUEUE,
        "because": "because no identity-based policy allows the sqs:SendMessage action",
        "context": {"aws:sourceip": "10.1.1.1"},
        "statements": [
            {
                "policy_type": "identity-based",
                "policy": "",
                "statement": "#1",
                "effect": "Allow",
                "applies": False,
                "why": ("Action sqs:Get* does not cover sqs:SendMessage",),
            }
        ],
    }


def test_the_newest_come_first_and_the_oldest_go() -> None:
    denials = Denials()
    for number in range(DENIALS_KEPT + 5):
        denials.keep(denied(f"r{number}"))
    assert [found.request_id for found in denials.recent(2)] == [
        f"r{DENIALS_KEPT + 4}",
        f"r{DENIALS_KEPT + 3}",
    ]
    assert denials.get("r4") is None
    assert denials.get("r5") is not None


def test_a_resource_of_any_length_is_kept_as_much_of_it_as_an_arn_may_have() -> None:
    denials = Denials()
    denials.keep(denied("r", QUEUE + "x" * 1_000_000))
    found = denials.get("r")
    assert found is not None
    assert len(found.request.resource) == MAX_RESOURCE_CHARS


def test_what_a_service_tries_again_and_again_is_kept_once() -> None:
    denials = Denials()
    for _ in range(5):
        denials.keep_for_a_service(denied(""))
    denials.keep_for_a_service(denied("", name="bob"))
    assert len({found.request_id for found in denials.recent(10)}) == len(denials.recent(10)) == 2


def test_an_account_is_forgotten() -> None:
    denials = Denials()
    denials.keep(denied("ours"))
    denials.keep(denied("theirs", account="222222222222"))
    denials.forget("222222222222")
    assert [found.request_id for found in denials.recent(10)] == ["ours"]
