"""Keys: the root key of the data directory, users' keys, and sessions', which every node can check without a
store.

A session's token holds what it proves, sealed with the server's key, and its secret follows from the token;
so nothing is stored, and a token that is changed, invented, or sent with another session's key id is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import time
import zlib
from pathlib import Path
from typing import Protocol

import msgspec

from noria.auth.errors import expired_token, unknown_key
from noria.context import Principal, root_principal
from noria.data_dir import make_private

FILE_NAME = "credentials.json"
KEY_ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"  # AWS's ids are base 32
KEY_ID_LENGTH = 20
LONG_TERM, TEMPORARY = "AKIA", "ASIA"  # how their ids begin
UNIQUE_ID_LENGTH = 21
SECRET_LENGTH = 40
SERVER_KEY_BYTES = 32
TAG_BYTES = 32  # HMAC-SHA256
TOKEN_LIMIT_CHARS = 16_384  # more than the largest that `issue` makes; longer ones are not even decoded
SESSIONS_CACHED = 1024  # sessions whose token has been checked; a function's environment has one


class Credential(msgspec.Struct, frozen=True):
    """A key that is valid now: what signs with it, and whom it proves."""

    secret_access_key: str
    principal: Principal


class RootCredentials(msgspec.Struct, frozen=True):
    """The file's content (JSON). server_key: base64 of the key that seals session tokens."""

    account: str
    access_key_id: str
    secret_access_key: str
    server_key: str


class SessionCredentials(msgspec.Struct, frozen=True):
    """Temporary credentials of a session."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at_ms: int


class _Session(msgspec.Struct, frozen=True, array_like=True):
    """What a token holds."""

    access_key_id: str
    issued_at_ms: int
    expires_at_ms: int
    principal: Principal


def unique_id(prefix: str) -> str:
    """An id as AWS makes them, e.g. ``AROA`` and 17 random characters for a role."""
    return prefix + "".join(secrets.choice(KEY_ID_ALPHABET) for _ in range(UNIQUE_ID_LENGTH - len(prefix)))


def access_key_id(prefix: str, account: str) -> str:
    """``AKIA…`` or ``ASIA…`` with the account in it, as AWS's: a set bit, 40 of it, 39 random ones."""
    number = 1 << 79 | int(account) << 39 | secrets.randbits(39)
    return prefix + base64.b32encode(number.to_bytes(10)).decode()


def access_key_account(key_id: str) -> str | None:
    """The account that an access key is of; None for what is no key id that `access_key_id` can make."""
    try:
        number = int.from_bytes(base64.b32decode(key_id[4:]))
    except (binascii.Error, ValueError):
        return None
    account = f"{number >> 39 & (1 << 40) - 1:012d}"
    return account if len(key_id) == KEY_ID_LENGTH and number >> 79 and len(account) == 12 else None


def new_secret() -> str:
    return _secret(secrets.token_bytes(32))


def _secret(entropy: bytes) -> str:
    return base64.b64encode(entropy).decode()[:SECRET_LENGTH]


def generate_root_credentials(account: str) -> RootCredentials:
    server_key = base64.b64encode(secrets.token_bytes(SERVER_KEY_BYTES)).decode()
    return RootCredentials(account, access_key_id(LONG_TERM, account), new_secret(), server_key)


def load_root_credentials(data_dir: Path) -> RootCredentials | None:
    """Those of a data directory; None where there are none. Raises ValueError for a file that is broken."""
    path = data_dir / FILE_NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return msgspec.json.decode(content, type=RootCredentials)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{path} is not a credentials file of Noria: {error}") from error


def open_root_credentials(data_dir: Path, account: str) -> RootCredentials:
    """Those of the data directory, made at its first start; the key is of the account that the server says.

    Raises OSError, and ValueError for a file that is broken.
    """
    found = load_root_credentials(data_dir)
    if found is not None:
        make_private(data_dir / FILE_NAME)
    if found is not None and found.account == account:
        return found
    if found is None:
        root = generate_root_credentials(account)
    else:
        root = msgspec.structs.replace(found, account=account)
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(data_dir / FILE_NAME, msgspec.json.format(msgspec.json.encode(root)) + b"\n")
    return root


def _write(path: Path, content: bytes) -> None:
    """At once or not at all, readable by the user only from the first byte on."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def permissive_principal(access_key_id: str, default_account: str) -> Principal:
    """Root of the account that the key id is (12 digits), else of the default account."""
    is_account = len(access_key_id) == 12 and access_key_id.isascii() and access_key_id.isdigit()
    return root_principal(access_key_id if is_account else default_account)


class AccessKeys(Protocol):
    """Users' keys, and whether there is still whom a session is of. Implemented by IAM."""

    async def access_key(self, key_id: str) -> Credential | None:
        """What the key proves now; None for one that is inactive or gone."""

    def known_key(self, key_id: str) -> Credential | None:
        """The same, where it is known without asking the store."""

    async def is_there(self, principal: Principal) -> bool:
        """Whether the role or user behind a session is still that very one; root always is."""

    def known_to_be_there(self, principal: Principal) -> bool:
        """The same, False also where it is not known without asking the store."""


class Credentials:
    """All keys that this server accepts."""

    def __init__(self, root: RootCredentials, users: AccessKeys | None = None) -> None:
        self.root = root
        self._users = users
        self._root = Credential(root.secret_access_key, root_principal(root.account))
        self._server_key = base64.b64decode(root.server_key)
        self._checked: dict[str, tuple[_Session, Credential]] = {}

    async def find(self, access_key_id: str, session_token: str, now_ms: int) -> Credential:
        """What the key proves, if the request's signature does.

        session_token: "" where the request has none. Raises AwsError InvalidClientTokenId or ExpiredToken
        (403, the Query protocol's names).
        """
        if not session_token and self._users is not None and access_key_id != self.root.access_key_id:
            credential = await self._users.access_key(access_key_id)
            if credential is None:
                raise unknown_key("query")
            return credential
        proven = self.lookup(access_key_id, session_token, now_ms)
        if session_token and self._users is not None and not await self._users.is_there(proven.principal):
            raise unknown_key("query")  # a session ends with its role or user
        return proven

    def at_hand(self, access_key_id: str, session_token: str, now_ms: int) -> Credential | None:
        """What a key proves that needs no store; None for any other, and for what proves nothing."""
        if session_token:
            checked = self._checked.get(session_token)
            if checked is None:
                return None
            session, credential = checked
            if session.access_key_id != access_key_id or now_ms >= session.expires_at_ms:
                return None
            there = self._users is None or self._users.known_to_be_there(credential.principal)
            return credential if there else None
        if access_key_id == self.root.access_key_id:
            return self._root
        return self._users.known_key(access_key_id) if self._users is not None else None

    def lookup(self, access_key_id: str, session_token: str, now_ms: int) -> Credential:
        """`find` for root and for sessions, without a look at whether there is still whom these are of."""
        if not session_token:
            if not hmac.compare_digest(access_key_id.encode(), self.root.access_key_id.encode()):
                raise unknown_key("query")
            return self._root
        session, credential = self._checked.get(session_token) or self._check(session_token)
        if not hmac.compare_digest(access_key_id.encode(), session.access_key_id.encode()):
            raise unknown_key("query")
        if now_ms >= session.expires_at_ms:
            raise expired_token("query")
        return credential

    def issue(self, principal: Principal, now_ms: int, duration_s: int) -> SessionCredentials:
        """Keys that prove `principal` until `duration_s` seconds from now."""
        expires_at_ms = now_ms + duration_s * 1000
        session = _Session(access_key_id(TEMPORARY, principal.account), now_ms, expires_at_ms, principal)
        payload = zlib.compress(msgspec.json.encode(session))
        token = base64.urlsafe_b64encode(self._seal(b"token", payload) + payload).decode()
        return SessionCredentials(session.access_key_id, self._session_secret(token), token, expires_at_ms)

    def _check(self, token: str) -> tuple[_Session, Credential]:
        if len(token) > TOKEN_LIMIT_CHARS:
            raise unknown_key("query")
        try:
            sealed = base64.b64decode(token, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise unknown_key("query") from None
        tag, payload = sealed[:TAG_BYTES], sealed[TAG_BYTES:]
        if not hmac.compare_digest(tag, self._seal(b"token", payload)):
            raise unknown_key("query")
        # Sealed by a server with this key: what follows is our own.
        session = msgspec.json.decode(zlib.decompress(payload), type=_Session)
        canonical = base64.urlsafe_b64encode(
            sealed
        ).decode()  # base64 has several spellings of the same bytes
        checked = session, Credential(self._session_secret(canonical), _of_session(session))
        if len(self._checked) >= SESSIONS_CACHED:
            self._checked.clear()
        self._checked[token] = checked
        return checked

    def _seal(self, purpose: bytes, content: bytes) -> bytes:
        return hmac.digest(self._server_key, purpose + b"\0" + content, hashlib.sha256)

    def _session_secret(self, token: str) -> str:
        return _secret(self._seal(b"secret", token.encode()))


def _of_session(session: _Session) -> Principal:
    """With the condition keys that every request of temporary credentials has."""
    issued = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(session.issued_at_ms // 1000))
    always = (("aws:TokenIssueTime", issued), ("aws:MultiFactorAuthPresent", "false"))
    principal = session.principal
    return msgspec.structs.replace(principal, session_conditions=always + principal.session_conditions)
