"""Skeleton, final signatures."""

from __future__ import annotations


class Policy:
    """A parsed, validated, compiled policy document."""


def parse_identity_policy(text: str) -> Policy:
    """Raises AwsError MalformedPolicyDocument."""
    raise NotImplementedError


def parse_trust_policy(text: str) -> Policy:
    """Raises AwsError MalformedPolicyDocument."""
    raise NotImplementedError
