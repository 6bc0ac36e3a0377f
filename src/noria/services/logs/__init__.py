"""CloudWatch Logs: groups, streams and events, and the sink that functions' output goes to."""
