"""A mapping is about its function: ``lambda:FunctionArn`` is known of one that exists."""

from __future__ import annotations

from noria.auth.authorize import Resource
from noria.services.triggers.mapping import Mapping, MappingTable, mapping_arn
from noria.services.triggers.resources import MappingResources
from noria.store.sqlite.store import SqliteStore

ACCOUNT, REGION = "111111111111", "us-east-1"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
OTHERS = Resource(tags={"a": "b"})


class Others:
    async def resource(self, arn: str) -> Resource | None:
        return OTHERS


async def test_a_mappings_function_is_a_condition() -> None:
    store = SqliteStore(None)
    await store.start()
    mapping = Mapping(
        uuid="u", account=ACCOUNT, region=REGION, source_arn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:q",
        function_arn=FUNCTION, enabled=True, batch_size=10, window_s=0,
        response_types=(), last_modified_ms=1,
    )  # fmt: skip
    await MappingTable(store.records).insert(mapping)
    resources = MappingResources(store.records, Others())
    found = await resources.resource(mapping.arn)
    assert found is not None
    assert found.conditions == {"lambda:FunctionArn": FUNCTION}
    assert await resources.resource(mapping_arn(ACCOUNT, REGION, "v")) is None
    assert await resources.resource(FUNCTION) is OTHERS
    await store.close()
