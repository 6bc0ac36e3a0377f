"""IAM's quotas: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html (the defaults)."""

USERS_PER_ACCOUNT = 5000
GROUPS_PER_ACCOUNT = 300
ROLES_PER_ACCOUNT = 1000
POLICIES_PER_ACCOUNT = 1500
INSTANCE_PROFILES_PER_ACCOUNT = 1000

GROUPS_PER_USER = 10
ACCESS_KEYS_PER_USER = 2
ROLES_PER_INSTANCE_PROFILE = 1
VERSIONS_PER_POLICY = 5
MANAGED_POLICIES_PER_ENTITY = 10  # of a user, group or role
TAGS_PER_RESOURCE = 50

MANAGED_POLICY_CHARS = 6144  # white space not counted, as in all of these
INLINE_POLICIES_CHARS = {"user": 2048, "group": 5120, "role": 10_240}  # of all inline policies together
TRUST_POLICY_CHARS = 2048

DEFAULT_PAGE_ITEMS = 100
DEFAULT_SESSION_S = 3600
