"""Metrics in Prometheus' text format."""

from __future__ import annotations

from noria.services.cloudwatch import prometheus
from noria.services.cloudwatch.prometheus import Exposition
from noria.store.metrics import Minute, Series

MINUTE = 30_000_000


def series(name: str, namespace: str = "AWS/SQS", **dimensions: str) -> Series:
    dimensions = dimensions or {"QueueName": "q"}
    return Series("000000000000", "us-east-1", namespace, name, tuple(sorted(dimensions.items())))


def values(*numbers: float, at: int = MINUTE) -> Minute:
    minute = Minute(at, "None")
    for number in numbers:
        minute.add(number)
    return minute


def lines(exposition: Exposition, at: int = MINUTE) -> list[str]:
    head, information, *rest = exposition.render("1.2", at).splitlines()
    assert (head, information) == ("# TYPE noria_info gauge", 'noria_info{version="1.2"} 1')
    return rest


def test_counters_add_up_over_the_minutes() -> None:
    exposition = Exposition()
    exposition.add(series("NumberOfMessagesSent"), values(1, 1, 1))
    exposition.add(series("NumberOfMessagesSent"), values(1, at=MINUTE + 1))
    labels = 'account="000000000000",region="us-east-1",queue_name="q"'
    assert lines(exposition) == [
        "# TYPE aws_sqs_number_of_messages_sent_total counter",
        f"aws_sqs_number_of_messages_sent_total{{{labels}}} 4",
    ]


def test_gauges_are_the_last_ones_and_go_when_nobody_measures_any_more() -> None:
    exposition = Exposition()
    for at, value in ((MINUTE, 7), (MINUTE + 1, 3)):
        exposition.add(series("ApproximateNumberOfMessagesVisible"), values(value, at=at))
    kind, sample = lines(exposition, MINUTE + 1)
    assert kind == "# TYPE aws_sqs_approximate_number_of_messages_visible gauge"
    assert sample.endswith(" 3")
    assert lines(exposition, MINUTE + 7) == []


def test_durations_are_histograms_in_seconds() -> None:
    exposition = Exposition()
    exposition.add(series("Duration", "AWS/Lambda", FunctionName="f"), values(0.8, 20, 70_000, 1e6))
    kind, *samples = lines(exposition)
    assert kind == "# TYPE aws_lambda_duration_seconds histogram"
    labels = 'account="000000000000",region="us-east-1",function_name="f"'
    found = dict(sample.rsplit(" ", 1) for sample in samples)
    name = "aws_lambda_duration_seconds"
    expected = {"0.001": "1", "0.01": "1", "0.025": "2", "60": "2", "300": "3", "900": "3", "+Inf": "4"}
    for boundary, count in expected.items():
        assert found[f'{name}_bucket{{{labels},le="{boundary}"}}'] == count
    assert float(found[f"{name}_sum{{{labels}}}"]) == 1070.0208
    assert found[f"{name}_count{{{labels}}}"] == "4"


def test_names_that_have_quotes_are_escaped() -> None:
    exposition = Exposition()
    exposition.add(series("IncomingBytes", "AWS/Logs", LogGroupName='a"\\\nb'), values(1))
    assert 'log_group_name="a\\"\\\\\\nb"' in lines(exposition)[1]


def test_sums_over_other_series_and_metrics_of_ones_own_are_left_out() -> None:
    exposition = Exposition()
    exposition.add(series("Invocations", "AWS/Lambda", FunctionName="f", Resource="f"), values(1))
    exposition.add(Series("000000000000", "us-east-1", "AWS/Lambda", "Invocations"), values(1))
    exposition.add(series("Orders", "Shop", Page="home"), values(1))
    assert lines(exposition) == []


def test_an_accounts_metrics_are_forgotten() -> None:
    exposition = Exposition()
    for number in range(3):
        exposition.add(series("NumberOfMessagesSent", QueueName=str(number)), values(1))
    assert len(lines(exposition)) == 4
    exposition.forget("000000000000")
    assert lines(exposition) == []


def test_words_are_told_apart() -> None:
    for name, expected in {
        "AsyncEventAge": "aws_lambda_async_event_age_seconds",
        "EMFValidationErrors": "aws_lambda_emf_validation_errors_total",
        "ApproximateNumberOfMessagesVisibleInQuietGroups": (
            "aws_lambda_approximate_number_of_messages_visible_in_quiet_groups"
        ),
    }.items():
        assert prometheus._name(series(name, "AWS/Lambda")) == expected
