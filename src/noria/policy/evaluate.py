"""Skeleton, final signatures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from noria.context import Principal
from noria.policy.document import Policy


class PolicyRequest(msgspec.Struct, frozen=True):
    principal: Principal
    action: str
    resource: str
    conditions: Mapping[str, str | Sequence[str]]


class Decision(msgspec.Struct, frozen=True):
    allowed: bool

    def because(self, action: str) -> str:
        raise NotImplementedError


def evaluate(request: PolicyRequest, identity: Sequence[Policy]) -> Decision:
    raise NotImplementedError
