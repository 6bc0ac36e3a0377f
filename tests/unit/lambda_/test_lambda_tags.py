"""Tags of functions; expected answers are AWS's recorded ones."""

from __future__ import annotations

from tests.unit.lambda_.conftest import Lambda
from tests.unit.lambda_.support import ARN, active, invalid, not_found, publish, refused


async def tags(service: Lambda) -> dict[str, str]:
    answer: dict[str, str] = (await service.api.list_tags(service.ctx(), resource=ARN))["Tags"]
    return answer


async def test_tags_are_added_overwritten_and_removed(service: Lambda) -> None:
    await active(service, tags={"A": "tag-a"})
    api, ctx = service.api, service.ctx()
    revisions = []
    for change in (
        api.tag_resource(ctx, resource=ARN, tags={"B": "tag-b", "C": "tag-c"}),
        api.tag_resource(ctx, resource=ARN, tags={"C": "tag-c-newsuffix", "D": "tag-d"}),
        api.untag_resource(ctx, resource=ARN, tag_keys=["A"]),
    ):
        await change
        found = await api.get_function(ctx, function_name="f")
        assert found["Tags"] == await tags(service)
        revisions.append(found["Configuration"]["RevisionId"])
    assert await tags(service) == {"B": "tag-b", "C": "tag-c-newsuffix", "D": "tag-d"}
    assert len(set(revisions)) == 3
    await api.untag_resource(ctx, resource=ARN, tag_keys=["B", "C", "D", "F"])
    assert await tags(service) == {}
    assert "Tags" not in await api.get_function(ctx, function_name="f")


async def test_an_environment_goes_on_when_tags_change(service: Lambda) -> None:
    await service.create("import os\ndef handler(event, context):\n    return os.getpid()\n")
    first = await service.call()
    await service.api.tag_resource(service.ctx(), resource=ARN, tags={"A": "a"})
    assert await service.call() == first


async def test_fifty_tags_are_the_limit(service: Lambda) -> None:
    await active(service)
    api, ctx = service.api, service.ctx()
    fifty = {f"{number}_key": f"{number}_value" for number in range(50)}
    await api.tag_resource(ctx, resource=ARN, tags=fifty)
    too_many = invalid("Number of tags exceeds resource tag limit.")
    assert await refused(api.tag_resource(ctx, resource=ARN, tags={"a_key": "a_value"})) == too_many
    await api.tag_resource(ctx, resource=ARN, tags={"0_key": "another"})
    assert await tags(service) == {**fifty, "0_key": "another"}


async def test_what_cannot_be_tagged(service: Lambda) -> None:
    api, ctx = service.api, service.ctx()
    missing = not_found(f"Function not found: {ARN}")
    assert await refused(api.list_tags(ctx, resource=ARN)) == missing
    assert await refused(api.tag_resource(ctx, resource=ARN, tags={"A": "B"})) == missing
    assert await refused(api.untag_resource(ctx, resource=ARN, tag_keys=["A"])) == missing
    await active(service)
    await publish(service)
    assert await refused(api.tag_resource(ctx, resource=ARN, tags={})) == invalid(
        "An error occurred and the request cannot be processed."
    )
    assert await refused(api.tag_resource(ctx, resource=f"{ARN}:1", tags={"A": "B"})) == invalid(
        "Tags on function aliases and versions are not supported. Please specify a function ARN."
    )
