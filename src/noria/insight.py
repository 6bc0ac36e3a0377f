"""What the server knows of permissions beyond its answers: why a request was allowed, what would do."""

from __future__ import annotations

from typing import Any

from noria.auth.authorize import Authorizer
from noria.auth.denials import DenialsKeeper
from noria.errors import AwsError
from noria.policy.suggest import suggestion

RECENT_DENIALS = 20


class Insight:
    """Answers ``/_noria/explain`` and ``/_noria/suggest-policy``."""

    def __init__(self, authorizer: Authorizer, denials: DenialsKeeper) -> None:
        self._authorizer = authorizer
        self._denials = denials

    async def reset(self, account: str) -> None:
        self._authorizer.forget(account)

    async def explain(self, request_id: str) -> dict[str, Any]:
        """The whole evaluation of a request; without an id, the last denials in short."""
        if not request_id:
            return {"denials": await self._denials.recent(RECENT_DENIALS)}
        explanation = await self._denials.explanation(request_id)
        if explanation is None:
            allowed = await self._authorizer.allowed(request_id)
            if allowed is None:
                text = f"No policy decided on the request {request_id}, or that was too long ago."
                raise AwsError("NoSuchDecision", text, 404)
            explanation = allowed.explanation()
        return explanation

    def suggest_policy(self, account: str, identity: str) -> dict[str, Any]:
        """identity: ``role/NAME`` or ``user/NAME``. The policy, and what it leaves out: the calls denied."""
        calls = self._authorizer.calls.of(account, identity)
        denied = sorted(call for call, was_allowed in calls.items() if not was_allowed)
        return {
            "policy": suggestion(call for call, was_allowed in calls.items() if was_allowed),
            "denied": [{"action": action, "resource": resource} for action, resource in denied],
        }
