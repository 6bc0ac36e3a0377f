from __future__ import annotations

import pytest
from benchmarks import report
from benchmarks.load import percentile
from benchmarks.measures import MEASURES, Mark, Measure

SENDS = next(measure for measure in MEASURES if measure.key == "sends")
WARM = Measure("warm_p50", "warm invoke, p50", "ms", "an invocation", marks=(Mark(2.5),))
DRAINED = next(measure for measure in MEASURES if measure.key == "drained")


def verdicts(measure: Measure, results: report.Results) -> list[bool | None]:
    return [report.reached(measure, mark, results) for mark in measure.marks]


def test_a_percentile_is_a_sample_that_so_many_do_not_exceed() -> None:
    samples = [float(n) for n in range(100, 0, -1)]
    assert percentile(samples, 50) == 50
    assert percentile(samples, 99) == 99
    assert percentile(samples, 100) == 100
    assert percentile([7.0], 50) == 7


def test_a_ratio_says_how_many_times_better_noria_is_whichever_way_is_better() -> None:
    results: report.Results = {
        "Noria": {"sends": [900, 1000, 5000], "warm_p50": [2.0]},
        "MiniStack": {"sends": [100], "warm_p50": [50.0]},
    }
    assert report.ratio(SENDS, results, "MiniStack") == 10
    assert report.ratio(WARM, results, "MiniStack") == 25


def test_a_ratio_below_one_says_that_the_peer_is_better() -> None:
    results = {"Noria": {"warm_p50": [8.0]}, "MiniStack": {"warm_p50": [4.0]}}
    assert report.ratio(WARM, results, "MiniStack") == 0.5


def test_without_a_peer_there_is_no_ratio_to_it_and_no_verdict_on_one() -> None:
    results = {"Noria": {"sends": [1000.0], "warm_p50": [2.0]}, "fauxqs": {"sends": [400.0]}}
    assert report.ratio(SENDS, results, "MiniStack") is None
    assert verdicts(SENDS, results) == [True, None, None, None]
    assert verdicts(WARM, results) == [True]


def test_a_mark_is_held_against_the_median_of_the_rounds() -> None:
    assert verdicts(WARM, {"Noria": {"warm_p50": [1.0, 2.4, 9.0]}}) == [True]
    assert verdicts(WARM, {"Noria": {"warm_p50": [1.0, 2.5, 9.0]}}) == [False]
    results = {"Noria": {"sends": [1000.0]}, "MiniStack": {"sends": [100.0]}}
    assert report.reached(SENDS, Mark(10, "MiniStack"), results) is True
    assert report.reached(SENDS, Mark(10.1, "MiniStack"), results) is False


def test_each_mark_of_a_measure_has_a_verdict_of_its_own() -> None:
    results = {"Noria": {"drained": [9000.0]}, "MiniStack": {"drained": [2000.0]}}
    assert verdicts(DRAINED, results) == [True, False]
    row = report.table([DRAINED], results).splitlines()[-1]
    assert row.endswith("| ≥ 8,000 /s: reached; ≥ 5 × MiniStack: **missed** |")


def test_a_mark_may_be_for_the_ephemeral_server() -> None:
    results = {"Noria --ephemeral": {"sends": [40.0]}, "limit": {"sends": [100.0]}}
    assert verdicts(SENDS, results) == [None, None, None, True]
    assert "Noria --ephemeral ≥ 0.4 × limit: reached" in report.table([SENDS], results)


def test_a_table_shows_medians_with_their_spread_ratios_and_missed_marks() -> None:
    results = {
        "Noria": {"warm_p50": [4.0, 3.5, 5.25]},
        "MiniStack": {"warm_p50": [48.0, 60.0, 52.0]},
        "limit": {"warm_p50": [0.5]},
    }
    assert report.table([WARM], results).splitlines() == [
        "|  | Noria | MiniStack | limit | mark |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| warm invoke, p50 | 4.00 ms (3.50–5.25) | 52.0 ms (48.0–60.0) **13.0 ×** | 0.50 ms **0.12 ×**"
        " | < 2.5 ms: **missed** |",
    ]


def test_figures_of_a_busy_machine_get_no_verdict() -> None:
    row = report.table([WARM], {"Noria": {"warm_p50": [4.0]}}, verdicts=False).splitlines()[-1]
    assert row == "| warm invoke, p50 | 4.00 ms | < 2.5 ms |"


def test_figures_have_three_significant_digits() -> None:
    assert [report.figure(value) for value in (25_321.4, 123.4, 12.34, 1.234, 0.1234)] == [
        "25,321", "123", "12.3", "1.23", "0.12",
    ]  # fmt: skip


def test_every_measure_says_what_it_means() -> None:
    keys = [measure.key for measure in MEASURES]
    assert len(keys) == len(set(keys))
    assert all(measure.meaning for measure in MEASURES)


@pytest.mark.parametrize(
    ("key", "marks"),
    [
        ("sends_of_few", [(8, "MiniStack")]),
        ("sends", [(2.5, "fauxqs"), (10, "MiniStack"), (3.5, "fauxqs"), (0.4, "limit")]),
        ("half_p99", [(10, None)]),
        ("batch_sends", [(1.5, "fauxqs"), (10, "MiniStack")]),
        ("consumed", [(2.5, "fauxqs"), (10, "MiniStack")]),
        ("consumed_deep", [(5, "fauxqs"), (10, "MiniStack")]),
        ("ready", [(0.5, None)]),
        ("idle", [(80, None)]),
        ("cold_p50", [(25, None), (8, "MiniStack")]),
        ("trigger_p50", [(5, None)]),
        ("append_p50", [(2, None)]),
        ("page_p50", [(50, None)]),
        ("tail_p50", [(100, None)]),
        ("drained", [(8_000, None), (5, "MiniStack")]),
    ],
)
def test_the_marks_are_those_that_were_set(key: str, marks: list[tuple[float, str | None]]) -> None:
    measure = next(measure for measure in MEASURES if measure.key == key)
    assert [(mark.figure, mark.than) for mark in measure.marks] == marks
