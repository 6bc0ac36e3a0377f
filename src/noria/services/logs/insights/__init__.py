"""CloudWatch Logs Insights: queries over log events.

A query is parsed (`lexer`, `parser`, `syntax`) and compiled into closures (`compiler`, `functions`,
`aggregates`, `fields`, `pipeline`), which a process of its own runs over the events (`worker`), so that no
query costs the server's loop more than its results, and so that any can be stopped (`runner`, `queries`).
"""
