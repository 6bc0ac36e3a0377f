"""AssumeRoleWithWebIdentity: whose tokens prove somebody, and what the session is."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from tests.support.iam import ACCOUNT, document
from tests.support.issuer import CLIENT, Issuer, ec_key, issuer, public_jwk, rsa_key
from tests.support.sts import StsClient

from noria.context import ANONYMOUS, Principal
from noria.policy.evaluate import PolicyRequest
from noria.services.ports import IdentityProvider
from noria.services.sts.web_identity import _conditions

NOT_A_JWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
UNVERIFIABLE = (
    "Couldn't retrieve verification key from your identity provider,  please reference"
    " AssumeRoleWithWebIdentity documentation for requirements"
)
ACTIONS = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"]
TAGS = "https://aws.amazon.com/tags"
SOURCE_IDENTITY = "https://aws.amazon.com/source_identity"


class World:
    """A role R that trusts the issuer's tokens of one subject."""

    def __init__(self, sts: StsClient, issuer: Issuer) -> None:
        self.sts = sts
        self.iam = sts.iam
        self.issuer = issuer
        self.provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer.name}"
        self.role = f"arn:aws:iam::{ACCOUNT}:role/R"

    @property
    def now_s(self) -> int:
        return self.sts.clock.now_ms() // 1000

    def token(self, **more: Any) -> str:
        return self.issuer.token(self.now_s, **more)

    async def trust(self, name: str = "R", **condition: Any) -> None:
        statement = {"Effect": "Allow", "Principal": {"Federated": self.provider}, "Action": ACTIONS}
        if condition:
            statement["Condition"] = condition
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        await self.iam.role(name, trust)

    async def assume(self, token: str, role: str = "R", **members: Any) -> dict[str, Any]:
        return await self.sts(
            "AssumeRoleWithWebIdentity",
            ANONYMOUS,
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}",
            RoleSessionName="session",
            WebIdentityToken=token,
            **members,
        )

    async def refused(self, token: str, role: str = "R", **members: Any) -> tuple[str, str]:
        members |= {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{role}", "WebIdentityToken": token}
        return await self.sts.refused(
            "AssumeRoleWithWebIdentity", ANONYMOUS, RoleSessionName="session", **members
        )


@pytest.fixture
async def world(sts: StsClient) -> AsyncIterator[World]:
    with issuer() as provider:
        await sts.iam("CreateOpenIDConnectProvider", Url=provider.url, ClientIDList=[CLIENT])
        yield World(sts, provider)


async def test_a_token_of_a_trusted_provider_makes_a_session(world: World) -> None:
    await world.trust(StringEquals={f"{world.issuer.name}:sub": "repo:us/app"})
    answer = await world.assume(world.token(), DurationSeconds=900)
    principal = world.sts.prove(answer)
    assert (principal.kind, principal.name, principal.role_arn) == ("assumed-role", "R", world.role)
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/R/session"
    assert (answer["SubjectFromWebIdentityToken"], answer["Audience"]) == ("repo:us/app", CLIENT)
    assert answer["Provider"] == world.provider
    assert answer["Credentials"]["Expiration"] == world.now_s + 900


@pytest.mark.parametrize(
    ("condition", "admitted"),
    [
        ({"StringEquals": {"{}:aud": CLIENT}}, True),
        ({"StringEquals": {"{}:aud": "other"}}, False),
        ({"StringLike": {"{}:sub": "repo:us/*"}}, True),
        ({"StringLike": {"{}:sub": "repo:them/*"}}, False),
        ({"ForAnyValue:StringEquals": {"{}:amr": ["mfa"]}}, True),
        ({"ForAnyValue:StringEquals": {"{}:amr": ["otp"]}}, False),
        ({"StringEquals": {"sts:RoleSessionName": "session"}}, True),
        ({"StringEquals": {"sts:RoleSessionName": "other"}}, False),
        ({"StringEquals": {"accounts.google.com:aud": CLIENT}}, False),
        ({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, False),
        ({"StringEquals": {"aws:FederatedProvider": "{arn}"}}, True),
    ],
)
async def test_the_trust_policy_looks_at_the_token(
    world: World, condition: dict[str, Any], admitted: bool
) -> None:
    text = json.dumps(condition).replace("{}", world.issuer.name).replace("{arn}", world.provider)
    await world.trust(**json.loads(text))
    token = world.token(amr=["pwd", "mfa"])
    if admitted:
        assert world.sts.prove(await world.assume(token)).name == "R"
    else:
        denied = ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
        assert await world.refused(token) == denied


@pytest.mark.parametrize(
    "principal",
    [{"AWS": "*"}, {"AWS": ACCOUNT}, {"Service": "lambda.amazonaws.com"}, {"Federated": "www.amazon.com"}],
)
async def test_who_is_not_named_by_the_provider_is_not_trusted(world: World, principal: Any) -> None:
    trust = [{"Effect": "Allow", "Principal": principal, "Action": "sts:*"}]
    await world.iam.role("R", json.dumps({"Version": "2012-10-17", "Statement": trust}))
    assert (await world.refused(world.token()))[0] == "AccessDenied"
    assert (await world.refused(world.token(), role="Nobody"))[0] == "AccessDenied"


async def test_a_deny_of_everyone_is_for_web_identities_too(world: World) -> None:
    allow = {"Effect": "Allow", "Principal": {"Federated": world.provider}, "Action": ACTIONS}
    deny = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:*"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [allow, deny]})
    await world.iam.role("R", trust)
    assert (await world.refused(world.token()))[0] == "AccessDenied"
    (denied,) = world.sts.authorizer.denied.recent(1)
    assert denied.summary()["because"] == "with an explicit deny in the role trust policy"


@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512"])
async def test_rsa_signs_too(world: World, alg: str) -> None:
    await world.trust()
    world.issuer.publish(public_jwk(ec_key(), "k"), public_jwk(rsa_key(), "r"))
    assert await world.assume(world.token(key=rsa_key(), alg=alg, kid="r"))
    assert await world.assume(world.token(kid=None)), "without a key id, any of the provider's keys"


async def test_what_is_not_signed_by_the_provider_proves_nobody(world: World) -> None:
    await world.trust()
    token = world.token()
    head, body, signature = token.split(".")
    claims = world.issuer.claims(world.now_s, sub="repo:us/other")
    other_body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    no_algorithm = base64.urlsafe_b64encode(b'{"alg":"none","kid":"k"}').decode().rstrip("=")
    public = public_jwk(rsa_key(), "k")
    for forged, text in [
        (f"{head}.{other_body}.{signature}", UNVERIFIABLE),
        (f"{head}.{body}.", UNVERIFIABLE),
        (f"{head}.{body}.{signature[:-8]}AAAAAAAA", UNVERIFIABLE),
        (world.token(key=ec_key("another")), UNVERIFIABLE),
        (world.token(kid="unknown"), UNVERIFIABLE),
        (world.token(key=rsa_key(), alg="RS256"), UNVERIFIABLE),
        (f"{no_algorithm}.{body}.", NOT_A_JWT),
        (jwt.encode(claims, public["n"], "HS256", headers={"kid": "k"}), NOT_A_JWT),
    ]:
        assert await world.refused(forged) == ("InvalidIdentityToken", text), forged
    assert await world.assume(token)


async def test_a_key_is_for_what_the_provider_says(world: World) -> None:
    await world.trust()
    for changed in ({"alg": "ES384"}, {"use": "enc"}, {"kty": "oct", "k": "AAAA"}, {"x": "!"}, {"x": 5}):
        world.sts.clock.advance(700)
        world.issuer.publish(public_jwk(ec_key(), "k", **changed))
        assert await world.refused(world.token()) == ("InvalidIdentityToken", UNVERIFIABLE), changed


async def test_a_short_key_is_none(world: World) -> None:
    await world.trust()
    world.issuer.publish(public_jwk(rsa_key(1024), "k"))
    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        token = world.token(key=rsa_key(1024), alg="RS256")
    assert await world.refused(token) == ("InvalidIdentityToken", UNVERIFIABLE)


@pytest.mark.parametrize(
    "text", ["xxxx", "a.b.c", "....", "ü" * 10, "eyJhbGciOiJFUzI1NiJ9.W10.AAAA", "\0" * 9]
)
async def test_what_is_no_token_is_refused(world: World, text: str) -> None:
    assert await world.refused(text) == ("InvalidIdentityToken", NOT_A_JWT)


async def test_claims_are_required_and_checked(world: World) -> None:
    await world.trust()
    now_s = world.now_s
    unknown = "No OpenIDConnect provider found in your account for"
    cases: list[tuple[dict[str, Any], str]] = [
        ({"aud": None}, "Missing a required claim: aud"),
        ({"sub": None}, "Missing a required claim: sub"),
        ({"iss": None}, "Missing a required claim: iss"),
        ({"exp": None}, "Missing a required claim: exp"),
        ({"iat": None}, "Missing a required claim: iat"),
        ({"sub": 5}, "Missing a required claim: sub"),
        ({"exp": True}, "Missing a required claim: exp"),
        ({"aud": "another"}, "Incorrect token audience"),
        ({"aud": ["another"]}, "Incorrect token audience"),
        ({"azp": "another"}, "Incorrect token audience"),
        ({"sub": "x" * 256}, "The subject is longer than 255 characters."),
        ({"nbf": now_s + 301}, "The token is not valid yet."),
        ({"iat": now_s + 301}, "The token is not valid yet."),
        ({"iss": "https://other.example"}, f"{unknown} https://other.example"),
        ({"iss": world.issuer.name}, f"{unknown} {world.issuer.name}"),
        ({TAGS: {"principal_tags": {"a": ["1", "2"]}}}, "The principal tag 'a' is not valid."),
        ({SOURCE_IDENTITY: "no spaces"}, "The source identity is not valid."),
    ]
    for claims, text in cases:
        assert await world.refused(_raw(world, claims)) == ("InvalidIdentityToken", text), claims
    assert await world.assume(world.token(aud=["another", CLIENT], nbf=now_s + 299))
    assert await world.assume(world.token(azp=CLIENT, aud="another"))


def _raw(world: World, changed: dict[str, Any]) -> str:
    """A token of any claims: the library refuses to make some of them."""
    payload = json.dumps(world.issuer.claims(world.now_s, **changed)).encode()
    return jwt.PyJWS().encode(payload, ec_key(), "ES256", headers={"kid": "k"})


async def test_a_token_expires(world: World) -> None:
    await world.trust()
    token = world.token()
    world.sts.clock.advance(299)
    assert await world.assume(token)
    world.sts.clock.advance(1)
    text = (
        f"Token expired: current date/time {world.now_s} must be before the expiration date/time"
        f" {world.now_s}"
    )
    assert await world.refused(token) == ("ExpiredTokenException", text)


async def test_a_provider_that_is_deleted_or_changed_proves_nobody(world: World) -> None:
    await world.trust()
    arn = {"OpenIDConnectProviderArn": world.provider}
    assert await world.assume(world.token())
    await world.iam("RemoveClientIDFromOpenIDConnectProvider", ClientID=CLIENT, **arn)
    assert (await world.refused(world.token()))[1] == "Incorrect token audience"
    await world.iam("AddClientIDToOpenIDConnectProvider", ClientID=CLIENT, **arn)
    assert await world.assume(world.token())
    await world.iam("DeleteOpenIDConnectProvider", **arn)
    assert "No OpenIDConnect provider found" in (await world.refused(world.token()))[1]


async def test_another_accounts_provider_is_not_ones_own(world: World) -> None:
    role = "arn:aws:iam::222222222222:role/R"
    members: dict[str, Any] = {
        "RoleArn": role,
        "RoleSessionName": "session",
        "WebIdentityToken": world.token(),
    }
    code, text = await world.sts.refused("AssumeRoleWithWebIdentity", ANONYMOUS, **members)
    assert (code, text.partition(" for ")[0]) == (
        "InvalidIdentityToken",
        "No OpenIDConnect provider found in your account",
    )


@pytest.mark.parametrize("nested", [True, False])
async def test_tags_and_a_source_identity_come_with_the_token(world: World, nested: bool) -> None:
    claims: dict[str, Any] = {SOURCE_IDENTITY: "alice"}
    if nested:
        claims[TAGS] = {"principal_tags": {"team": ["a"]}, "transitive_tag_keys": ["team"]}
    else:
        claims |= {f"{TAGS}/principal_tags/team": "a", f"{TAGS}/transitive_tag_keys": ["team"]}
    await world.trust(StringEquals={"aws:RequestTag/team": "a", "sts:SourceIdentity": "alice"})
    answer = await world.assume(world.token(**claims))
    assert answer["SourceIdentity"] == "alice"
    principal = world.sts.prove(answer)
    assert (principal.session_tags, principal.transitive_tags) == ((("team", "a"),), ("team",))
    assert ("aws:SourceIdentity", "alice") in principal.session_conditions


async def test_tags_need_the_trust_policys_word(world: World) -> None:
    statement = {"Effect": "Allow", "Principal": {"Federated": world.provider}, "Action": ACTIONS[0]}
    await world.iam.role("R", json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    tagged = world.token(**{TAGS: {"principal_tags": {"team": ["a"]}}})
    assert await world.refused(tagged) == ("AccessDenied", "Not authorized to perform sts:TagSession")
    named = world.token(**{SOURCE_IDENTITY: "alice"})
    assert await world.refused(named) == ("AccessDenied", "Not authorized to perform sts:SetSourceIdentity")
    assert await world.assume(world.token())


def test_known_providers_have_keys_of_their_own() -> None:
    """As in AWS's service authorization reference."""
    github = "token.actions.githubusercontent.com"
    provider = IdentityProvider("arn", github, f"https://{github}", (CLIENT,), ())
    claims = {
        "sub": "repo:us/app",
        "aud": CLIENT,
        "repository": "us/app",
        "ref": "main",
        "sha": "1",
    }
    keys = dict(_conditions(claims, provider, CLIENT))
    names = {"aud": CLIENT, "sub": "repo:us/app", "repository": "us/app", "ref": "main"}
    assert keys == {f"{github}:{name}": value for name, value in names.items()}
    gitlab = IdentityProvider("arn", "gitlab.com", "https://gitlab.com", (CLIENT,), ())
    some: dict[str, Any] = {
        "sub": "x",
        "aud": CLIENT,
        "user_access_level": "owner",
        "project_id": 7,
        "email": "a@b.c",
    }
    assert (
        dict(_conditions(some, gitlab, CLIENT)).items()
        >= {
            "gitlab.com:project_id": "7",
            "gitlab.com:user_access_level": "owner",
            "gitlab.com:email": "a@b.c",
        }.items()
    )


async def test_a_session_is_narrowed_and_as_long_as_its_role_allows(world: World) -> None:
    await world.trust()
    await world.iam("PutRolePolicy", RoleName="R", PolicyName="P", PolicyDocument=document("sqs:*"))
    answer = await world.assume(world.token(), Policy=document("sqs:SendMessage"))
    principal = world.sts.prove(answer)
    assert answer["PackedPolicySize"] > 0
    assert await world.sts.authorizer.allows(principal, "sqs:SendMessage", "*")
    assert not await world.sts.authorizer.allows(principal, "sqs:DeleteQueue", "*")
    text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    assert await world.refused(world.token(), DurationSeconds=3601) == ("ValidationError", text)


async def test_the_session_remembers_who_vouched_for_it(world: World) -> None:
    """Its policies may look at the provider's keys; a resource's may name the provider."""
    await world.trust()
    seen = document("sqs:*", Condition={"StringEquals": {f"{world.issuer.name}:sub": "repo:us/app"}})
    await world.iam("PutRolePolicy", RoleName="R", PolicyName="P", PolicyDocument=seen)
    principal = world.sts.prove(await world.assume(world.token()))
    assert await world.sts.authorizer.allows(principal, "sqs:SendMessage", "*")
    others = world.sts.prove(await world.assume(world.token(sub="repo:us/other")))
    assert not await world.sts.authorizer.allows(others, "sqs:SendMessage", "*")
    assert principal.federated_provider == world.provider
    assert _named(principal, world.provider) == "direct"
    assert _named(principal, world.provider + "x") == "none"


def _named(principal: Principal, provider: str) -> str:
    from noria.policy.document import parse_resource_policy

    statement = {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sqs:*"}
    policy = parse_resource_policy(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    request = PolicyRequest(principal, "sqs:SendMessage", "*", {})
    principals = policy.statements[0].principals
    assert principals is not None
    return principals.grant(request.principal)
