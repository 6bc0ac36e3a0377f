"""What is said to a request that does not prove who sent it, with AWS's texts.

protocol: of the codec; the JSON protocols call the errors differently.
"""

from __future__ import annotations

from noria.errors import AwsError

# Query protocol → JSON and REST-JSON.
_JSON_NAMES = {
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "IncompleteSignature": "IncompleteSignatureException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
    "ExpiredToken": "ExpiredTokenException",
}


def auth_error(query_code: str, message: str, protocol: str, status: int = 403) -> AwsError:
    code = query_code if protocol == "query" else _JSON_NAMES.get(query_code, query_code)
    return AwsError(code, message, status, query_code=query_code)


def incomplete_signature(message: str, protocol: str) -> AwsError:
    return auth_error("IncompleteSignature", message, protocol, 400)


def missing_token(protocol: str) -> AwsError:
    """For a request without a signature."""
    return auth_error("MissingAuthenticationToken", "Request is missing Authentication Token", protocol)


def unknown_key(protocol: str) -> AwsError:
    """For an access key that does not exist, or a session token that is not its own."""
    return auth_error(
        "InvalidClientTokenId", "The security token included in the request is invalid.", protocol
    )


def expired_token(protocol: str) -> AwsError:
    """For temporary credentials that have expired."""
    return auth_error("ExpiredToken", "The security token included in the request is expired", protocol)


def invalid_region(protocol: str) -> AwsError:
    """For a credential scope whose region no region could have."""
    return auth_error("SignatureDoesNotMatch", "Credential should be scoped to a valid region. ", protocol)


def reworded(error: AwsError, protocol: str) -> AwsError:
    """An authentication error that is worded for the Query protocol, as `protocol` names it."""
    return auth_error(error.code, error.message, protocol, error.status)
