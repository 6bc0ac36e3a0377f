"""What the server knows of permissions beyond its answers: why something was denied, and what would do."""

from __future__ import annotations

from typing import Any

from noria.auth.calls import Calls
from noria.auth.denials import Denials
from noria.errors import AwsError
from noria.policy.suggest import suggestion

RECENT_DENIALS = 20


class Insight:
    """Answers ``/_noria/explain`` and ``/_noria/suggest-policy``."""

    def __init__(self, denials: Denials, calls: Calls) -> None:
        self._denials = denials
        self._calls = calls

    async def reset(self, account: str) -> None:
        self._denials.forget(account)

    def explain(self, request_id: str) -> dict[str, Any]:
        """The whole evaluation of a denial; without an id, the last ones in short."""
        if not request_id:
            return {"denials": [denied.summary() for denied in self._denials.recent(RECENT_DENIALS)]}
        denied = self._denials.get(request_id)
        if denied is None:
            text = f"No policy denied the request {request_id}, or that was too long ago."
            raise AwsError("NoSuchDenial", text, 404)
        return denied.explanation()

    def suggest_policy(self, account: str, identity: str) -> dict[str, Any]:
        """identity: ``role/NAME`` or ``user/NAME``. The policy, and what it leaves out: the calls denied."""
        calls = self._calls.of(account, identity)
        denied = sorted(call for call, was_allowed in calls.items() if not was_allowed)
        return {
            "policy": suggestion(call for call, was_allowed in calls.items() if was_allowed),
            "denied": [{"action": action, "resource": resource} for action, resource in denied],
        }
