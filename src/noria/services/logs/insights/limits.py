"""The bounds of queries: AWS's from its reference and quotas pages, and ours, which say so."""

from __future__ import annotations

MAX_GROUPS = 50  # of a query
DEFAULT_RESULTS = 10_000
MAX_RESULTS = 100_000
MAX_PAGE = 10_000
MAX_DESCRIBED = 1_000  # queries or definitions in a page
MAX_DEFINITIONS = 1_000  # of an account in a region
MAX_PENDING = 30  # queries of an account and region that run or wait
QUERY_S = 60 * 60
KEPT_MS = 7 * 24 * 3_600_000  # AWS keeps results for 7 days
MAX_STATS = 2  # commands of a query

KEPT_QUERIES = 1_000  # ours: of all accounts; the oldest are forgotten
KEPT_BYTES = 64 << 20  # ours: of all results that are kept
MAX_RESULT_BYTES = 16 << 20  # ours: of one query's; further rows are cut off
RUNNING_AT_ONCE = 2  # ours: each takes a core
WORKER_BYTES = 1 << 30  # ours: memory of a query's process
STALL_S = 60  # ours: an event that takes longer has met a regular expression that explodes
PROGRESS_S = 0.2  # how often a running query says how far it is
MAX_DEPTH = 60  # ours: of brackets in an expression
MAX_OPERATORS = 250  # ours: in a query, comparisons not counted; closures call each other as deep
