"""IAM, put together: one public method an operation; beside them `stop` and `reset`."""

from __future__ import annotations

from noria.services.iam.access_api import AccessOperations
from noria.services.iam.access_keys_api import AccessKeyOperations
from noria.services.iam.account_api import AccountOperations
from noria.services.iam.attachments_api import AttachmentOperations
from noria.services.iam.credentials_api import CredentialOperations
from noria.services.iam.groups_api import GroupOperations
from noria.services.iam.inline_api import InlinePolicyOperations
from noria.services.iam.last_used import LastUsed
from noria.services.iam.oidc_api import OidcProviderOperations
from noria.services.iam.policies_api import PolicyOperations
from noria.services.iam.profiles_api import InstanceProfileOperations
from noria.services.iam.repository import Repository
from noria.services.iam.roles_api import RoleOperations
from noria.services.iam.service_linked_api import ServiceLinkedRoleOperations
from noria.services.iam.simulate_api import SimulationOperations
from noria.services.iam.tags_api import TagOperations
from noria.services.iam.users_api import UserOperations
from noria.services.ports import Permissions
from noria.store.base import Records


class IamApi(
    UserOperations,
    GroupOperations,
    RoleOperations,
    PolicyOperations,
    AttachmentOperations,
    InlinePolicyOperations,
    TagOperations,
    AccessKeyOperations,
    CredentialOperations,
    InstanceProfileOperations,
    OidcProviderOperations,
    ServiceLinkedRoleOperations,
    AccountOperations,
    SimulationOperations,
    AccessOperations,
):
    """Identities over a store. Sizes, patterns and ranges of members have been checked by the protocol."""

    def __init__(self, records: Records, last_used: LastUsed, permissions: Permissions) -> None:
        store = Repository(records)
        InstanceProfileOperations.__init__(self, store, permissions)
        AccessOperations.__init__(self, store, last_used)
        ServiceLinkedRoleOperations.__init__(self, store)

    async def stop(self) -> None:
        await self._last_used.save()

    async def reset(self, account: str) -> None:
        """Everything else is records, and the last used of them all goes with those."""
        self._last_used.forget(account)
        await self._store.delete_alias(account)
