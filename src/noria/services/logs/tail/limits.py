"""The bounds of a Live Tail session, from StartLiveTail's reference and CloudWatch Logs' quotas."""

from __future__ import annotations

UPDATE_EVERY_MS = 1_000
MAX_UPDATE_EVENTS = 500  # more of one second are sampled down to so many
MAX_UPDATE_BYTES = (
    4 << 20
)  # ours: a message of an event stream may have 16 MB, and so may not 500 large events
MAX_KEPT_UPDATES = 10  # for a client that is behind; then the oldest are dropped
SESSION_S = 3 * 3600
MAX_SESSIONS = 15  # at a time, of an account in a region
