"""The last denials, whole, so that each can be explained."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from typing import Any

import msgspec

from noria.policy.evaluate import Decision, Identity, PolicyRequest
from noria.policy.explain import considered
from noria.policy.statement import Policy

DENIALS_KEPT = 1000  # some 3 kB each beside the policies, which are shared
MAX_RESOURCE_CHARS = 2048  # AWS's longest ARN; who asks for more is shown as much of it


class Denied(msgspec.Struct, frozen=True):
    """A request that was refused, with the policies as they were. resource, trust: see `evaluate`."""

    request_id: str
    time_ms: int
    request: PolicyRequest
    identity: Identity
    resource: Policy | None
    trust: bool
    decision: Decision

    def summary(self) -> dict[str, Any]:
        asked = self.request
        return {
            "request_id": self.request_id,
            "time_ms": self.time_ms,
            "principal": asked.principal.arn or asked.principal.name,
            "action": asked.action,
            "resource": asked.resource,
            "because": self.decision.because(asked.action),
        }

    def explanation(self) -> dict[str, Any]:
        statements = considered(self.request, self.identity, self.resource, trust=self.trust)
        return self.summary() | {
            "context": dict(sorted(self.request.context().items())),
            "statements": [msgspec.to_builtins(statement) for statement in statements],
        }


class Denials:
    """Bounded: the oldest go first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Denied] = OrderedDict()

    def keep(self, denied: Denied) -> None:
        resource = denied.request.resource
        if len(resource) > MAX_RESOURCE_CHARS:
            request = msgspec.structs.replace(denied.request, resource=resource[:MAX_RESOURCE_CHARS])
            denied = msgspec.structs.replace(denied, request=request)
        self._kept[denied.request_id] = denied
        if len(self._kept) > DENIALS_KEPT:
            self._kept.popitem(last=False)

    def keep_for_a_service(self, denied: Denied) -> None:
        """One without a request, which a service may try for ever: it is kept once."""
        asked = denied.request
        text = f"{asked.principal.arn} {asked.action} {asked.resource}"
        request_id = str(uuid.uuid5(uuid.NAMESPACE_OID, text))
        self._kept.pop(request_id, None)
        self.keep(msgspec.structs.replace(denied, request_id=request_id))

    def get(self, request_id: str) -> Denied | None:
        return self._kept.get(request_id)

    def recent(self, limit: int) -> list[Denied]:
        """The newest first."""
        newest = reversed(self._kept.values())
        return [denied for denied, _ in zip(newest, range(limit), strict=False)]

    def forget(self, account: str) -> None:
        for request_id, denied in list(self._kept.items()):
            if denied.request.principal.account == account:
                del self._kept[request_id]
