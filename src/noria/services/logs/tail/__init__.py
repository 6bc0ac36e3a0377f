"""StartLiveTail: log events, streamed to a client as they are ingested."""
