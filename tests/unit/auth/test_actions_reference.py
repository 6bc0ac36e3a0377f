"""What every operation asks of IAM is what AWS's service authorization reference has."""

from __future__ import annotations

import pytest

from noria.app import ACTIONS
from noria.policy.actions import services

EVERY = [(service, operation) for service, actions in ACTIONS.items() for operation in actions]


@pytest.mark.parametrize(("service", "operation"), EVERY)
def test_every_operation_has_an_action_of_aws(service: str, operation: str) -> None:
    prefix, _, name = ACTIONS[service][operation].name.partition(":")
    assert prefix == {"monitoring": "cloudwatch"}.get(service, service)
    assert name in services()[prefix].actions
