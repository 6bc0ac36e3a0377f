"""`noria status` for a person."""

from __future__ import annotations

from typing import Any

from noria.cli import report

ANSWER: dict[str, Any] = {
    "version": "0.1.0",
    "url": "http://127.0.0.1:4566",
    "ready": True,
    "auth": "enforce",
    "data_dir": "/data",
    "account": "000000000000",
    "region": "us-east-1",
    "uptime_s": 3725,
    "queues": [
        {"account": "000000000000", "region": "us-east-1", "name": "activity25",
         "visible": 3, "in_flight": 10, "delayed": 0},
    ],
    "functions": [
        {"account": "000000000000", "region": "us-east-1", "name": "producer",
         "runtime": "python3.12", "state": "Active", "environments": 2, "folder": "/work/producer"},
    ],
    "triggers": [
        {"account": "000000000000", "region": "us-east-1", "uuid": "u",
         "queue": "arn:aws:sqs:us-east-1:000000000000:activity25",
         "function": "arn:aws:lambda:us-east-1:000000000000:function:consumer",
         "state": "Enabled", "last_processing_result": None},
    ],
    "runtimes": [], "warnings": [],
    "isolation": {"mode": "landlock", "why_not": {"namespaces": "unshare: Operation not permitted"}},
}  # fmt: skip


def test_status_shows_health_queues_functions_and_triggers() -> None:
    assert report.status(ANSWER).splitlines() == [
        "Noria 0.1.0 on http://127.0.0.1:4566, up for 1 h 2 min",
        "  auth enforce, account 000000000000, region us-east-1, data /data",
        "",
        "Queues",
        "  name        visible  in flight  delayed",
        "  activity25  3        10         0",
        "",
        "Functions",
        "  name      runtime     state   environments",
        "  producer  python3.12  Active  2",
        "  producer runs from /work/producer",
        "",
        "Triggers",
        "  queue       function  state    last processing result",
        "  activity25  consumer  Enabled  –",
        "",
        "Runtimes: none",
        "",
        "Isolation: landlock",
        "  no namespaces: unshare: Operation not permitted",
    ]


def test_account_and_region_are_shown_where_there_is_more_than_the_servers_own() -> None:
    other = {**ANSWER["queues"][0], "region": "eu-west-1"}
    text = report.status({**ANSWER, "queues": [*ANSWER["queues"], other]})
    assert "  000000000000  eu-west-1  activity25  3        10         0" in text.splitlines()


def test_an_empty_server_says_none() -> None:
    text = report.status({**ANSWER, "queues": [], "functions": [], "triggers": [], "data_dir": None})
    assert "data in memory" in text
    assert [line for line in text.splitlines() if line.endswith(": none")] == [
        "Queues: none", "Functions: none", "Triggers: none", "Runtimes: none",
    ]  # fmt: skip
