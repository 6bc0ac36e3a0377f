"""Lambda: functions that really run, each invocation in a process of its own under AWS's runtime client."""
