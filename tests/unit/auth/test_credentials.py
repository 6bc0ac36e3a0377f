"""Keys and session tokens: what proves an identity, and everything that does not."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import msgspec
import pytest

from noria.auth.credentials import (
    FILE_NAME,
    Credentials,
    RootCredentials,
    generate_root_credentials,
    load_root_credentials,
    open_root_credentials,
    permissive_principal,
)
from noria.context import Principal, root_principal
from noria.errors import AwsError

ACCOUNT = "111111111111"
NOW_MS = 1_700_000_000_000
SENDER = Principal(
    "assumed-role",
    ACCOUNT,
    f"arn:aws:sts::{ACCOUNT}:assumed-role/Sender/s",
    "AROASENDER:s",
    "Sender",
    ('{"Version":"2012-10-17"}',),
    f"arn:aws:iam::{ACCOUNT}:role/Sender",
)
SENDING = msgspec.structs.replace(
    SENDER,
    session_conditions=(
        ("aws:TokenIssueTime", "2023-11-14T22:13:20Z"),
        ("aws:MultiFactorAuthPresent", "false"),
    ),
)
READER = Principal(
    "assumed-role", ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/Reader/s", "AROAREADER:s", "Reader"
)


@pytest.fixture
def credentials() -> Credentials:
    return Credentials(generate_root_credentials(ACCOUNT))


def refused(credentials: Credentials, key_id: str, token: str, now_ms: int = NOW_MS) -> tuple[str, str, int]:
    with pytest.raises(AwsError) as error:
        credentials.lookup(key_id, token, now_ms)
    return error.value.code, error.value.message, error.value.status


INVALID = ("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
EXPIRED = ("ExpiredToken", "The security token included in the request is expired", 403)


def test_the_root_key_looks_like_awss_and_proves_root(credentials: Credentials) -> None:
    root = credentials.root
    assert len(root.access_key_id) == 20
    assert root.access_key_id.startswith("AKIA")
    assert len(root.secret_access_key) == 40
    assert len(base64.b64decode(root.server_key)) == 32
    found = credentials.lookup(root.access_key_id, "", NOW_MS)
    assert found.principal == root_principal(ACCOUNT)
    assert found.secret_access_key == root.secret_access_key


def test_every_server_has_keys_of_its_own() -> None:
    one, other = generate_root_credentials(ACCOUNT), generate_root_credentials(ACCOUNT)
    assert one.access_key_id != other.access_key_id
    assert one.secret_access_key != other.secret_access_key
    assert one.server_key != other.server_key


def test_an_unknown_key_is_refused(credentials: Credentials) -> None:
    for key_id in ("", "AKIAUNKNOWNUNKNOWN00", "ключ", credentials.root.access_key_id[:-1]):
        assert refused(credentials, key_id, "") == INVALID


def test_the_root_key_takes_no_token(credentials: Credentials) -> None:
    token = credentials.issue(SENDER, NOW_MS, 900).session_token
    assert refused(credentials, credentials.root.access_key_id, token) == INVALID


def test_a_session_proves_its_principal(credentials: Credentials) -> None:
    issued = credentials.issue(SENDER, NOW_MS, 900)
    assert issued.access_key_id.startswith("ASIA")
    assert len(issued.access_key_id) == 20
    assert len(issued.secret_access_key) == 40
    assert issued.expires_at_ms == NOW_MS + 900_000
    for _ in range(2):  # read, then from the cache
        found = credentials.lookup(issued.access_key_id, issued.session_token, NOW_MS)
        assert found.principal == SENDING
        assert found.secret_access_key == issued.secret_access_key


def test_any_node_with_the_server_key_accepts_a_session() -> None:
    root = generate_root_credentials(ACCOUNT)
    issued = Credentials(root).issue(SENDER, NOW_MS, 900)
    found = Credentials(root).lookup(issued.access_key_id, issued.session_token, NOW_MS)
    assert found.principal == SENDING


def test_a_session_of_another_server_is_refused(credentials: Credentials) -> None:
    other = Credentials(
        msgspec.structs.replace(credentials.root, server_key=base64.b64encode(b"x" * 32).decode())
    )
    issued = other.issue(SENDER, NOW_MS, 900)
    assert refused(credentials, issued.access_key_id, issued.session_token) == INVALID


def test_a_session_ends_on_time(credentials: Credentials) -> None:
    issued = credentials.issue(SENDER, NOW_MS, 900)
    credentials.lookup(issued.access_key_id, issued.session_token, issued.expires_at_ms - 1)
    late = issued.expires_at_ms
    assert refused(credentials, issued.access_key_id, issued.session_token, late) == EXPIRED


def test_a_session_key_without_its_token_is_refused(credentials: Credentials) -> None:
    assert refused(credentials, credentials.issue(SENDER, NOW_MS, 900).access_key_id, "") == INVALID


def test_the_token_of_one_role_with_the_key_of_another_is_refused(credentials: Credentials) -> None:
    sender, reader = credentials.issue(SENDER, NOW_MS, 900), credentials.issue(READER, NOW_MS, 900)
    assert refused(credentials, sender.access_key_id, reader.session_token) == INVALID
    credentials.lookup(reader.access_key_id, reader.session_token, NOW_MS)
    assert refused(credentials, sender.access_key_id, reader.session_token) == INVALID


def test_a_token_changed_in_any_byte_is_refused(credentials: Credentials) -> None:
    issued = credentials.issue(SENDER, NOW_MS, 900)
    sealed = bytearray(base64.urlsafe_b64decode(issued.session_token))
    for position in range(len(sealed)):
        sealed[position] ^= 1
        changed = base64.urlsafe_b64encode(sealed).decode()
        assert refused(credentials, issued.access_key_id, changed) == INVALID
        sealed[position] ^= 1


@pytest.mark.parametrize("token", ["x", "====", "ü", "A" * 43, "A" * 1_000_000, "\0", " "])
def test_what_is_no_token_is_refused(credentials: Credentials, token: str) -> None:
    assert refused(credentials, credentials.issue(SENDER, NOW_MS, 900).access_key_id, token) == INVALID


def test_the_cache_of_sessions_is_bounded(credentials: Credentials) -> None:
    issued = [credentials.issue(SENDER, NOW_MS, 900) for _ in range(1100)]
    for session in issued:
        credentials.lookup(session.access_key_id, session.session_token, NOW_MS)
    assert len(credentials._checked) <= 1024
    assert credentials.lookup(issued[0].access_key_id, issued[0].session_token, NOW_MS).principal == SENDING


def test_the_first_start_makes_the_file_for_the_user_only(tmp_path: Path) -> None:
    data_dir = tmp_path / "new" / "noria"
    assert load_root_credentials(data_dir) is None
    made = open_root_credentials(data_dir, ACCOUNT)
    file = data_dir / FILE_NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    assert [path.name for path in data_dir.iterdir()] == [FILE_NAME]
    assert msgspec.json.decode(file.read_bytes(), type=RootCredentials) == made
    assert load_root_credentials(data_dir) == made
    assert open_root_credentials(data_dir, ACCOUNT) == made


def test_another_account_keeps_the_key(tmp_path: Path) -> None:
    first = open_root_credentials(tmp_path, ACCOUNT)
    second = open_root_credentials(tmp_path, "222222222222")
    assert second == msgspec.structs.replace(first, account="222222222222")
    assert load_root_credentials(tmp_path) == second
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


def test_a_file_that_others_can_read_is_closed_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = open_root_credentials(tmp_path, ACCOUNT)
    (tmp_path / FILE_NAME).chmod(0o644)
    assert open_root_credentials(tmp_path, ACCOUNT) == made
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    said = f"{tmp_path}/{FILE_NAME} was open to others (mode 644); it is yours alone now (mode 600)"
    assert caplog.messages == [said]


def test_a_broken_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("{")
    with pytest.raises(ValueError, match="is not a credentials file of Noria"):
        open_root_credentials(tmp_path, ACCOUNT)
    assert (tmp_path / FILE_NAME).read_text() == "{"


@pytest.mark.parametrize(
    ("key_id", "account"),
    [
        ("222222222222", "222222222222"),
        ("test", ACCOUNT),
        ("", ACCOUNT),
        ("22222222222", ACCOUNT),
        ("2222222222222", ACCOUNT),
        ("٢٢٢٢٢٢٢٢٢٢٢٢", ACCOUNT),
        ("AKIAIOSFODNN7EXAMPLE", ACCOUNT),
    ],
)
def test_a_permissive_key_of_twelve_digits_is_the_account(key_id: str, account: str) -> None:
    assert permissive_principal(key_id, ACCOUNT) == root_principal(account)
