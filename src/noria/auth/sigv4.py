"""Signature Version 4: a request's claim of identity, and its proof over the raw bytes.

AWS's algorithm for every service but S3 (docs: "Create a signed AWS API request"): the path is normalised and
encoded once more than it was sent, the payload's hash is always that of the body. The texts are AWS's, as
recorded from STS, DynamoDB and SSM.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote_to_bytes

import msgspec

from noria.auth.errors import auth_error, incomplete_signature
from noria.errors import AwsError
from noria.http.types import Request

ALGORITHM, TERMINATOR = "AWS4-HMAC-SHA256", "aws4_request"
SKEW_S = 300  # AWS's: five minutes either way
MAX_EXPIRES_S = 604_800  # a week, AWS's limit for presigned URLs
DEFAULT_EXPIRES_S = 900  # what AWS assumes where X-Amz-Expires is missing
MAX_REGION_CHARS = 31  # a region becomes part of ARNs and of the store's keys
CACHED_HEADS, CACHED_HEAD_CHARS = 1024, 512
CACHED_SIGNING_KEYS = 1024  # about 1 KB each

_TIMESTAMP = "%Y%m%dT%H%M%SZ"
TIMESTAMP_CHARS = 16
_TIMESTAMP_PATTERN = re.compile(r"\d{8}T\d{6}Z")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")  # us-east-1, us-gov-west-1, eusc-de-east-1
_PLAIN_PATH = re.compile(
    r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/?"
)  # neither normalising nor encoding changes it
_PLAIN_QUERY = re.compile(r"([A-Za-z0-9._~-]+=[A-Za-z0-9._~-]*&?)*")
_SPACES = re.compile(r"[ \t]+")
_USUAL_HEAD = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([^/,\s]+/\d{8}/[^/,\s]+/[^/,\s]+/aws4_request), *"
    r"SignedHeaders=([^,\s=]+), *"
)


class Claim(msgspec.Struct, frozen=True):
    """What a client says in all its requests of a day: the credential's elements, the headers it signs.

    date: ``20260131``. signed_headers: lower-case names in the order sent. sound: whether the date, the
    region and the terminator may be right at all. scope, names: as they are signed.
    """

    access_key_id: str
    date: str
    region: str
    service: str
    terminator: str
    signed_headers: tuple[str, ...]
    sound: bool
    scope: str
    names: str


class SignedRequest(msgspec.Struct, frozen=True):
    """What a request claims; nothing of it is proven before `verify`.

    timestamp: ``20260131T235959Z``. session_token: "" for long-term keys.
    expires_s: a presigned URL's lifetime, None for the header form.
    """

    claim: Claim
    timestamp: str
    signature: str
    session_token: str
    expires_s: int | None


def parse(request: Request, protocol: str) -> SignedRequest | None:
    """The request's signature; None for one that has none. protocol: of the codec, its errors' names differ.

    Raises AwsError (IncompleteSignature).
    """
    authorization = request.headers.get("authorization")
    presigned = _presigned_parameters(request.query, protocol) if "X-Amz-" in request.query else {}
    if authorization is None:
        return _parse_presigned(presigned, protocol) if presigned else None
    if presigned:
        text = "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
        raise auth_error("SignatureDoesNotMatch", text, protocol)
    timestamp = request.headers.get("x-amz-date") or _http_date(request.headers.get("date", ""))
    token = request.headers.get("x-amz-security-token", "")
    head, _, signature = authorization.rpartition("Signature=")
    usual = _usual_head(head) if len(head) <= CACHED_HEAD_CHARS and signature.isalnum() else None
    if usual is not None and len(timestamp) == TIMESTAMP_CHARS and _is_timestamp(timestamp):
        return SignedRequest(usual, timestamp, signature, token, None)
    credential, signed_headers, signature = _take_apart(request, authorization, protocol)
    return _signed(credential, timestamp, signed_headers, signature, token, None, protocol)


def verify(
    request: Request, signed: SignedRequest, secret: str, now_s: float, *, service: str, protocol: str
) -> None:
    """Raise AwsError unless `secret` signed this very request, for `service`, at this time.

    service: that the credential scope must name.
    """
    claim = signed.claim
    _check_time(signed, now_s, protocol)
    if not (claim.sound and claim.service == service and signed.timestamp.startswith(claim.date)):
        raise _wrong_scope(signed, service, protocol)
    headers, names = request.headers, claim.signed_headers
    unsigned = _unsigned(tuple(headers), names)
    if unsigned:
        text = f"'{unsigned}' must be a 'SignedHeader' in the AWS Authorization."
        raise auth_error("SignatureDoesNotMatch", text, protocol)
    values = "".join([f"{name}:{headers.get(name, '')}\n" for name in names])
    if "  " in values or "\t" in values:
        values = _SPACES.sub(" ", values)
    path, query = _canonical_path(request.path), _canonical_query(request.query)
    payload = request.body_sha256 or hashlib.sha256(request.body).hexdigest()
    canonical = f"{request.method}\n{path}\n{query}\n{values}\n{claim.names}\n{payload}"
    digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
    text = f"{ALGORITHM}\n{signed.timestamp}\n{claim.scope}\n{digest}"
    expected = _signer(secret, claim.date, claim.region, claim.service)(text.encode("ascii"))
    if not (signed.signature.isascii() and hmac.compare_digest(expected, signed.signature)):
        raise auth_error(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your AWS"
            " Secret Access Key and signing method. Consult the service documentation for details.",
            protocol,
        )


# What a request claims


@lru_cache(maxsize=CACHED_HEADS)
def _usual_head(head: str) -> Claim | None:
    """An Authorization header before its signature; None where it needs a closer look."""
    match = _USUAL_HEAD.fullmatch(head)
    if match is None:
        return None
    names = tuple(match[2].lower().split(";"))
    return _claim(match[1].split("/"), names) if "host" in names else None


def _claim(elements: list[str], names: tuple[str, ...]) -> Claim:
    key, date, region, service, terminator = elements
    sound = len(date) == 8 and _is_region(region) and terminator == TERMINATOR
    scope = f"{date}/{region}/{service}/{TERMINATOR}"
    return Claim(key, date, region, service, terminator, names, sound, scope, ";".join(names))


@lru_cache(maxsize=256)  # a client signs many requests within a second
def _is_timestamp(text: str) -> bool:
    return _TIMESTAMP_PATTERN.fullmatch(text) is not None


def _is_region(region: str) -> bool:
    return len(region) <= MAX_REGION_CHARS and _REGION.fullmatch(region) is not None


def _take_apart(request: Request, authorization: str, protocol: str) -> tuple[str, str, str]:
    """An unusual Authorization header: what AWS takes, or what it says is wrong."""
    algorithm, _, rest = authorization.partition(" ")
    found: dict[str, str] = {}
    for part in rest.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals and part.strip() and algorithm == ALGORITHM:
            raise incomplete_signature(
                f"'{part.strip()}' not a valid key=value pair (missing equal-sign) in Authorization header:"
                f" '{authorization}'.",
                protocol,
            )
        if name in found:  # which one counts must not be a question
            text = f"Authorization header must include '{name}' only once. Authorization={authorization}"
            raise incomplete_signature(text, protocol)
        found[name] = value
    missing = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if not found.get(name)
    ]
    if "x-amz-date" not in request.headers and "date" not in request.headers:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if missing:
        raise incomplete_signature(f"{' '.join(missing)} Authorization={authorization}", protocol)
    if algorithm != ALGORITHM:
        raise incomplete_signature(
            f"Unsupported AWS 'algorithm': '{algorithm}' (only AWS4-HMAC-SHA256 for now). ", protocol
        )
    return found["Credential"], found["SignedHeaders"], found["Signature"]


def _presigned_parameters(query: str, protocol: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, encoding="latin-1"):
        if name in found:  # which one counts must not be a question
            raise incomplete_signature(
                f"AWS query-string parameters must include '{name}' only once.", protocol
            )
        if name.startswith("X-Amz-"):
            found[name] = value
    return found


def _parse_presigned(parameters: dict[str, str], protocol: str) -> SignedRequest | None:
    names = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date")
    missing = [name for name in names if not parameters.get(name)]
    if len(missing) == len(names):
        return None
    if missing:
        texts = " ".join(f"AWS query-string parameters must include '{name}'." for name in missing)
        raise incomplete_signature(f"{texts} Re-examine the query-string parameters.", protocol)
    algorithm, credential, signature, signed_headers, timestamp = (parameters[name] for name in names)
    if algorithm != ALGORITHM:
        raise incomplete_signature(
            f"Unsupported AWS 'algorithm': '{algorithm}' (only AWS4-HMAC-SHA256 for now). ", protocol
        )
    expires = parameters.get("X-Amz-Expires", str(DEFAULT_EXPIRES_S))
    if not re.fullmatch(r"\d{1,9}", expires, re.ASCII) or int(expires) > MAX_EXPIRES_S:
        text = "X-Amz-Expires must be a number of seconds, at least 0 and at most 604800 (a week)"
        raise incomplete_signature(text, protocol)
    token = parameters.get("X-Amz-Security-Token", "")
    return _signed(credential, timestamp, signed_headers, signature, token, int(expires), protocol)


def _signed(
    credential: str,
    timestamp: str,
    signed_headers: str,
    signature: str,
    token: str,
    expires_s: int | None,
    protocol: str,
) -> SignedRequest:
    if len(timestamp) != TIMESTAMP_CHARS or not _is_timestamp(timestamp):
        raise incomplete_signature(
            f"Date must be in ISO-8601 'basic format'. Got '{timestamp}'."
            " See http://en.wikipedia.org/wiki/ISO_8601",
            protocol,
        )
    names = tuple(signed_headers.lower().split(";"))
    if "host" not in names:
        text = "'Host' must be a 'SignedHeader' in the AWS Authorization."
        raise auth_error("SignatureDoesNotMatch", text, protocol)
    elements = credential.split("/")
    if len(elements) != 5:
        raise incomplete_signature(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term,"
            f" got '{credential}'",
            protocol,
        )
    return SignedRequest(_claim(elements, names), timestamp, signature, token, expires_s)


def _http_date(text: str) -> str:
    """A Date header as X-Amz-Date would have it; as it is where it is no HTTP date."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC).strftime(_TIMESTAMP)
    except (ValueError, TypeError, OverflowError):
        return text


# Its proof


def _check_time(signed: SignedRequest, now_s: float, protocol: str) -> None:
    try:
        signed_at = _epoch_s(signed.timestamp)
    except ValueError as error:  # the 61st second, the 13th month
        text = f"Date must be in ISO-8601 'basic format'. Got '{signed.timestamp}'."
        raise incomplete_signature(f"{text} See http://en.wikipedia.org/wiki/ISO_8601", protocol) from error
    valid_s = SKEW_S if signed.expires_s is None else signed.expires_s
    age_s = int(now_s) - signed_at
    if age_s > valid_s:
        raise auth_error(
            "SignatureDoesNotMatch",
            f"Signature expired: {signed.timestamp} is now earlier than {_at(now_s - valid_s)}"
            f" ({_at(now_s)} - {_minutes(valid_s)}.)",
            protocol,
        )
    if age_s < -SKEW_S:
        raise auth_error(
            "SignatureDoesNotMatch",
            f"Signature not yet current: {signed.timestamp} is still later than {_at(now_s + SKEW_S)}"
            f" ({_at(now_s)} + {_minutes(SKEW_S)}.)",
            protocol,
        )


@lru_cache(maxsize=256)
def _epoch_s(timestamp: str) -> float:
    return datetime.strptime(timestamp, _TIMESTAMP).replace(tzinfo=UTC).timestamp()


def _at(time_s: float) -> str:
    return datetime.fromtimestamp(int(time_s), UTC).strftime(_TIMESTAMP)


def _minutes(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} sec"


@lru_cache(maxsize=128)  # the same names in the same order, from the same client
def _unsigned(sent: tuple[str, ...], signed: tuple[str, ...]) -> str:
    """The first of AWS's headers that is sent but not signed, or ""."""
    return next((name for name in sent if name.startswith("x-amz-") and name not in signed), "")


def _wrong_scope(signed: SignedRequest, service: str, protocol: str) -> AwsError:
    claim = signed.claim
    texts = []
    if not _is_region(claim.region):
        texts.append("Credential should be scoped to a valid region. ")
    if claim.service != service:
        texts.append(f"Credential should be scoped to correct service: '{service}'. ")
    if claim.terminator != TERMINATOR:
        texts.append(
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{claim.terminator}'. "
        )
    if claim.date != signed.timestamp[:8]:
        texts.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP:"
            f" '{claim.date}' != '{signed.timestamp[:8]}', from '{signed.timestamp}'."
        )
    return auth_error("SignatureDoesNotMatch", "".join(texts), protocol)


@lru_cache(maxsize=CACHED_SIGNING_KEYS)
def _signer(secret: str, date: str, region: str, service: str) -> Callable[[bytes], str]:
    """A text's HMAC under the signing key. What the key does to both hashes (RFC 2104) is done once: a third
    of the time that `hmac.digest` takes."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, part.encode("latin-1"), "sha256")
    block = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def sign(text: bytes) -> str:
        half, whole = inner.copy(), outer.copy()
        half.update(text)
        whole.update(half.digest())
        return whole.hexdigest()

    return sign


def _canonical_path(path: str) -> str:
    if path == "/" or _PLAIN_PATH.fullmatch(path):
        return path
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in {"", "."}:
            segments.append(segment)
    if segments and path.endswith("/"):
        segments.append("")
    return quote(f"/{'/'.join(segments)}".encode("latin-1"), safe="/~")


def _canonical_query(query: str) -> str:
    if not query:
        return ""
    pairs = [part.partition("=") for part in query.split("&") if part]
    if _PLAIN_QUERY.fullmatch(query):
        encoded = [(name, value) for name, _, value in pairs]
    else:
        encoded = [(_reencoded(name), _reencoded(value)) for name, _, value in pairs]
    return "&".join([f"{name}={value}" for name, value in sorted(encoded) if name != "X-Amz-Signature"])


def _reencoded(text: str) -> str:
    """A plus is a space to those who decode the query; so it is here, or ``%2B`` could be changed into it."""
    return quote(unquote_to_bytes(text.replace("+", " ").encode("latin-1")), safe="-_.~")
