"""STS, put together: one public method an operation."""

from __future__ import annotations

from noria.auth.credentials import Credentials
from noria.services.ports import RoleDirectory, RolePermissions
from noria.services.sts.assume_role_api import AssumeRoleOperations
from noria.services.sts.token_api import TokenOperations


class StsApi(AssumeRoleOperations, TokenOperations):
    """Who is asking, and temporary credentials. The protocol has checked sizes, patterns and ranges."""

    def __init__(
        self, directory: RoleDirectory, credentials: Credentials, permissions: RolePermissions
    ) -> None:
        AssumeRoleOperations.__init__(self, directory, credentials, permissions)
