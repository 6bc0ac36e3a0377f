"""What holds for every policy, whatever is in it."""

from __future__ import annotations

import json
import random
import re
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.policies import identity_of, identity_policy, resource_policy

from noria.context import Principal, root_principal
from noria.policy.document import parse_identity_policy
from noria.policy.evaluate import Decision, PolicyRequest, evaluate
from noria.policy.explain import considered
from noria.policy.match import Pattern, Style

PRINCIPAL = Principal("user", "1" * 12, "arn:aws:iam::111111111111:user/ann", "AIDA", "ann")

actions = st.sampled_from(["sqs:*", "*", "sqs:Send*", "sqs:SendMessage", "logs:*", "sqs:?endMessage"])
names = st.sampled_from(["sqs:SendMessage", "sqs:SendMessageBatch", "sqs:DeleteQueue", "logs:PutLogEvents"])
resources = st.sampled_from(
    [
        "*",
        "arn:aws:sqs:*",
        "arn:aws:sqs:*:*:a*",
        "arn:aws:sqs:r:111111111111:a",
        "arn:aws:sqs:r:111111111111:${aws:username}",
    ]
)
arns = st.sampled_from(
    ["arn:aws:sqs:r:111111111111:a", "arn:aws:sqs:r:111111111111:ann", "arn:aws:sqs:r:111111111111:b", "*"]
)
contexts = st.dictionaries(st.sampled_from(["aws:username", "aws:k"]), st.sampled_from(["ann", "a"]))
conditions = st.sampled_from(
    [{}, {"StringEquals": {"aws:k": "a"}}, {"StringNotLike": {"aws:k": "a*"}}, {"Null": {"aws:k": "true"}}]
)


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "Effect": draw(st.sampled_from(["Allow", "Deny"])),
        draw(st.sampled_from(["Action", "NotAction"])): draw(actions),
        draw(st.sampled_from(["Resource", "NotResource"])): draw(resources),
        "Condition": draw(conditions),
    }


principals = st.sampled_from(
    ["*", {"AWS": "1" * 12}, {"AWS": "2" * 12}, {"AWS": "arn:aws:iam::111111111111:user/ann"}]
)


@st.composite
def resource_statements(draw: st.DrawFn) -> dict[str, Any]:
    return draw(statements()) | {"Principal": draw(principals)}


requests = st.builds(PolicyRequest, st.just(PRINCIPAL), names, arns, contexts)


Document = list[dict[str, Any]]

STRANGER = Principal("user", "2" * 12, "arn:aws:iam::222222222222:user/bob", "AIDB", "bob")
ROOT = root_principal("1" * 12)
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def decide(request: PolicyRequest, *documents: list[dict[str, Any]]) -> Decision:
    policies = [
        parse_identity_policy(json.dumps({"Version": "2012-10-17", "Statement": document}))
        for document in documents
        if document
    ]
    return evaluate(request, identity_of(*policies))


@given(requests, st.lists(statements(), max_size=4), st.data())
def test_a_deny_always_wins(
    request: PolicyRequest, others: list[dict[str, Any]], data: st.DataObject
) -> None:
    deny = {"Effect": "Deny", "Action": request.action, "Resource": "*"}
    place = data.draw(st.integers(0, len(others)))
    decision = decide(request, [*others[:place], deny, *others[place:]])
    assert decision.explicit
    assert not decision.allowed


@given(requests, st.lists(statements(), max_size=4), statements())
def test_another_allow_never_forbids(
    request: PolicyRequest, others: list[dict[str, Any]], statement: dict[str, Any]
) -> None:
    if decide(request, others).allowed:
        assert decide(request, [*others, statement | {"Effect": "Allow"}]).allowed


@given(requests, st.lists(statements(), max_size=4), statements())
def test_another_deny_never_allows(
    request: PolicyRequest, others: list[dict[str, Any]], statement: dict[str, Any]
) -> None:
    if not decide(request, others).allowed:
        assert not decide(request, [*others, statement | {"Effect": "Deny"}]).allowed


@given(requests, st.lists(statements(), max_size=5), st.randoms(use_true_random=False))
def test_neither_order_nor_the_split_into_documents_matters(
    request: PolicyRequest, document: list[dict[str, Any]], order: random.Random
) -> None:
    shuffled = order.sample(document, len(document))
    assert decide(request, document) == decide(request, *([statement] for statement in shuffled))


@given(requests, st.lists(statements(), max_size=3), st.lists(statements(), min_size=1, max_size=3))
def test_a_session_policy_never_widens(
    request: PolicyRequest, role: list[dict[str, Any]], session: list[dict[str, Any]]
) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": session})
    narrowed = PolicyRequest(
        Principal("assumed-role", "1" * 12, "arn", "AROA:s", "R", (text,)),
        request.action,
        request.resource,
        request.conditions,
    )
    both = decide(request, role).allowed and decide(request, session).allowed
    assert decide(narrowed, role).allowed is both


def limited(
    request: PolicyRequest, own: Document, boundary: Document | None = None, queue: Document | None = None
) -> bool:
    identity = identity_of(
        *([identity_policy(*own)] if own else []),
        boundary=identity_policy(*boundary) if boundary else None,
    )
    return evaluate(request, identity, resource_policy(*queue) if queue else None).allowed


@given(requests, st.lists(statements(), max_size=3), st.lists(statements(), min_size=1, max_size=3))
def test_a_boundary_never_widens(request: PolicyRequest, own: Document, boundary: Document) -> None:
    both = limited(request, own) and limited(request, boundary)
    assert limited(request, own, boundary) is both


@given(requests, st.lists(statements(), max_size=3), st.lists(resource_statements(), min_size=1, max_size=3))
def test_a_resources_policy_widens_inside_the_account_only(
    request: PolicyRequest, own: Document, queue: Document
) -> None:
    """Without a deny, it only adds in the account; for another account, both must allow."""
    grants = [statement | {"Effect": "Allow"} for statement in queue]
    if limited(request, own):
        assert limited(request, own, queue=grants)
    stranger = msgspec.structs.replace(request, principal=STRANGER)
    if request.resource != "*" and not limited(stranger, [EVERYTHING], queue=grants):
        assert not limited(stranger, own, queue=grants)
    if request.resource != "*" and not limited(request, own):
        assert not limited(stranger, own, queue=grants)


@given(requests, st.lists(statements(), max_size=3), st.lists(resource_statements(), max_size=2))
def test_a_deny_for_everyone_in_a_resources_policy_always_wins(
    request: PolicyRequest, own: Document, queue: Document
) -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": request.action, "Resource": "*"}
    for principal in (PRINCIPAL, STRANGER, ROOT):
        asked = msgspec.structs.replace(request, principal=principal)
        assert not limited(asked, own, queue=[*queue, deny])


@given(requests, st.lists(resource_statements(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_order_in_a_resources_policy_does_not_matter(
    request: PolicyRequest, queue: Document, order: random.Random
) -> None:
    shuffled = order.sample(queue, len(queue))
    assert limited(request, [], queue=queue) == limited(request, [], queue=shuffled)


@given(requests, st.lists(statements(), max_size=3), st.lists(resource_statements(), max_size=3))
def test_an_explanation_agrees_with_the_decision(
    request: PolicyRequest, own: Document, queue: Document
) -> None:
    """Some deny applies exactly where the denial is explicit; where all is allowed, some allow does."""
    identity = identity_of(*([identity_policy(*own)] if own else []))
    resource = resource_policy(*queue) if queue else None
    decision = evaluate(request, identity, resource)
    rows = considered(request, identity, resource, trust=False)
    assert decision.explicit is any(row.applies and row.effect == "Deny" for row in rows)
    if decision.allowed:
        assert any(row.applies and row.effect == "Allow" for row in rows)


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_wildcards_match_as_their_regular_expression_does(pattern: str, text: str) -> None:
    expected = re.fullmatch(pattern.replace("*", ".*").replace("?", "."), text) is not None
    styles: tuple[Style, ...] = ("text", "resource", "arn")  # without colons they are one
    for style in styles:
        match = Pattern(pattern, style, variables=True).fixed
        assert match is not None
        assert match(text) is expected


@given(st.text("ab:*?", max_size=8), st.text("ab:", max_size=8))
def test_no_style_matches_more_than_plain_text_does(pattern: str, text: str) -> None:
    plain = Pattern(pattern, "text", variables=False).fixed
    resource = Pattern(pattern, "resource", variables=False).fixed
    arn = Pattern(pattern, "arn", variables=False).fixed
    assert plain is not None
    assert resource is not None
    assert arn is not None
    assert arn(text) <= resource(text) <= plain(text)


@pytest.mark.parametrize("pattern", ["*a" * 3000 + "b", "?*" * 3000, "*" * 6000 + "b", "a*" * 3000 + "?b"])
def test_a_bomb_of_wildcards_takes_time_linear_in_the_text(pattern: str) -> None:
    """A backtracking matcher would need longer than the universe has; twice the text costs about twice."""
    match = Pattern(pattern, "resource", variables=True).fixed
    assert match is not None
    began = time.perf_counter()
    match("a" * 2048)
    assert time.perf_counter() - began < 2


def test_a_million_decisions_about_the_exercise_take_seconds() -> None:
    """A hundredth of them here, with room for a slow machine: the mark is 3 s for the million."""
    queue = "arn:aws:sqs:us-west-1:111111111111:activity25"
    exercise = {"Sid": "VisualEditor0", "Effect": "Allow", "Action": "sqs:*", "Resource": queue}
    identity = identity_of(identity_policy(exercise))
    began = time.perf_counter()
    for _ in range(10_000):
        assert evaluate(PolicyRequest(PRINCIPAL, "sqs:SendMessage", queue, {}), identity).allowed
    assert time.perf_counter() - began < 0.3
