"""Skeleton, final signatures."""

from __future__ import annotations

from pathlib import Path

import msgspec

from noria.context import Principal


class Credential(msgspec.Struct, frozen=True):
    """A key that is valid now: what signs with it, and whom it proves."""

    secret_access_key: str
    principal: Principal


class RootCredentials(msgspec.Struct, frozen=True):
    """The file's content (JSON). server_key: base64, signs session tokens."""

    account: str
    access_key_id: str
    secret_access_key: str
    server_key: str


class SessionCredentials(msgspec.Struct, frozen=True):
    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at_ms: int


def generate_root_credentials(account: str) -> RootCredentials:
    raise NotImplementedError


def load_root_credentials(data_dir: Path) -> RootCredentials | None:
    raise NotImplementedError


def open_root_credentials(data_dir: Path, account: str) -> RootCredentials:
    """Those of the data directory, made at first start."""
    raise NotImplementedError


def permissive_principal(access_key_id: str, default_account: str) -> Principal:
    """Root of the account that the key id is (12 digits), else of the default account."""
    raise NotImplementedError


class Credentials:
    def __init__(self, root: RootCredentials) -> None:
        raise NotImplementedError

    def lookup(self, access_key_id: str, session_token: str, now_ms: int) -> Credential:
        """Raises AwsError InvalidClientTokenId or ExpiredToken (403, the Query protocol's names).
        session_token: "" where the request has none."""
        raise NotImplementedError

    def issue(self, principal: Principal, now_ms: int, duration_s: int) -> SessionCredentials:
        raise NotImplementedError
