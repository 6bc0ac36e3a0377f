"""Saved queries: PutQueryDefinition, DescribeQueryDefinitions, DeleteQueryDefinition."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from noria.clock import Clock
from noria.context import RequestContext, new_request_id
from noria.errors import AwsError, not_implemented
from noria.services.logs import models
from noria.services.logs.insights.limits import MAX_DEFINITIONS, MAX_DESCRIBED
from noria.store.base import Records

KIND = "logs-query-definition"
TOKENS = uuid.UUID("1f0d1c8e-9a57-4c39-8a0e-3f6b7a52c9d4")


class Definition(msgspec.Struct, frozen=True):
    name: str
    query: str
    groups: Sequence[str]
    modified_ms: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Definition).decode


class DefinitionOperations:
    """Records by id. A query is kept as it is, whether it compiles or not."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    async def put_query_definition(
        self,
        ctx: RequestContext,
        *,
        name: str,
        query_string: str,
        query_definition_id: str | None = None,
        log_group_names: Sequence[str] | None = None,
        query_language: str = "CWLI",
        client_token: str | None = None,
    ) -> dict[str, Any]:
        """client_token: a repeated request with the same makes one definition."""
        if query_language != "CWLI":
            raise not_implemented(f"The query language {query_language}")
        new_id = str(uuid.uuid5(TOKENS, client_token)) if client_token else new_request_id()
        place = (KIND, ctx.account, ctx.region, query_definition_id or new_id)
        value = _encode(Definition(name, query_string, log_group_names or [], self._clock.now_ms()))
        if query_definition_id is None:
            if len(await self._records.list(*place[:3], limit=MAX_DEFINITIONS)) >= MAX_DEFINITIONS:
                raise AwsError("LimitExceededException", "Resource limit exceeded.")
            await self._records.insert(*place, value)
        else:
            old = await self._records.get(*place)
            if old is None or not await self._records.replace(*place, value, expected=old):
                raise _no_such_definition()
        return {"queryDefinitionId": place[3]}

    async def describe_query_definitions(
        self,
        ctx: RequestContext,
        *,
        query_definition_name_prefix: str = "",
        max_results: int = MAX_DESCRIBED,
        next_token: str | None = None,
        query_language: str = "CWLI",
    ) -> dict[str, Any]:
        """By name."""
        records = await self._records.list(KIND, ctx.account, ctx.region, limit=MAX_DEFINITIONS)
        after = models.parse_list_token(next_token).name if next_token else ""
        found = sorted(
            (f"{definition.name}\0{definition_id}", definition_id, definition)
            for definition_id, definition in ((key, _decode(value)) for key, value in records)
            if definition.name.startswith(query_definition_name_prefix) and query_language == "CWLI"
        )
        places = [place for place, _, _ in found]
        start = sum(place <= after for place in places)
        page = found[start : start + max_results]
        more = start + max_results < len(found)
        return {
            "queryDefinitions": [
                {
                    "queryLanguage": "CWLI",
                    "queryDefinitionId": definition_id,
                    "name": definition.name,
                    "queryString": definition.query,
                    "lastModified": definition.modified_ms,
                    "logGroupNames": list(definition.groups),
                }
                for _, definition_id, definition in page
            ],
            "nextToken": models.list_token(places[start + len(page) - 1]) if more else None,
        }

    async def delete_query_definition(
        self, ctx: RequestContext, *, query_definition_id: str
    ) -> dict[str, Any]:
        if not await self._records.delete(KIND, ctx.account, ctx.region, query_definition_id):
            raise _no_such_definition()
        return {"success": True}


def _no_such_definition() -> AwsError:
    return AwsError("ResourceNotFoundException", "The specified query definition does not exist.")
