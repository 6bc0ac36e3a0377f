"""STS, put together: one public method an operation."""

from __future__ import annotations

from noria.auth.credentials import Credentials
from noria.clock import Clock
from noria.services.ports import RoleDirectory, RolePermissions
from noria.services.sts.assume_role_api import AssumeRoleOperations
from noria.services.sts.assuming import Assuming
from noria.services.sts.issuers import IssuerKeys
from noria.services.sts.token_api import TokenOperations
from noria.services.sts.web_identity_api import WebIdentityOperations


class StsApi(AssumeRoleOperations, WebIdentityOperations, TokenOperations):
    """Who is asking, and temporary credentials. The protocol has checked sizes, patterns and ranges."""

    def __init__(
        self, directory: RoleDirectory, credentials: Credentials, permissions: RolePermissions, clock: Clock
    ) -> None:
        assuming = Assuming(directory, credentials, permissions)
        WebIdentityOperations.__init__(self, assuming, directory, IssuerKeys(clock))
        TokenOperations.__init__(self, directory, credentials, permissions)
