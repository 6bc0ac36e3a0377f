"""IAM's quotas: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html (the defaults)."""

ROLES_PER_ACCOUNT = 1000
POLICIES_PER_ACCOUNT = 1500
MANAGED_POLICIES_PER_ROLE = 10
MANAGED_POLICY_CHARS = 6144  # white space not counted, as in all of these
INLINE_POLICIES_CHARS = 10_240  # of all inline policies of a role together
TRUST_POLICY_CHARS = 2048

DEFAULT_PAGE_ITEMS = 100
DEFAULT_SESSION_S = 3600
