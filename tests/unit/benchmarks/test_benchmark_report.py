from __future__ import annotations

from benchmarks import report
from benchmarks.load import percentile
from benchmarks.report import MEASURES, Measure

SENDS = next(measure for measure in MEASURES if measure.key == "sends")
WARM = next(measure for measure in MEASURES if measure.key == "warm_p50")


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
    assert report.ratio_to_peer(SENDS, results) == 10
    assert report.ratio_to_peer(WARM, results) == 25


def test_a_ratio_below_one_says_that_the_peer_is_better() -> None:
    results = {"Noria": {"warm_p50": [8.0]}, "MiniStack": {"warm_p50": [4.0]}}
    assert report.ratio_to_peer(WARM, results) == 0.5


def test_without_the_peer_there_is_no_ratio_and_no_verdict_on_one() -> None:
    results = {"Noria": {"sends": [1000.0], "warm_p50": [2.0]}}
    assert report.ratio_to_peer(SENDS, results) is None
    assert report.reached(SENDS, results) is None
    assert report.reached(WARM, results) is True


def test_a_mark_is_held_against_the_median_of_the_rounds() -> None:
    assert report.reached(WARM, {"Noria": {"warm_p50": [1.0, 2.4, 9.0]}}) is True
    assert report.reached(WARM, {"Noria": {"warm_p50": [1.0, 2.5, 9.0]}}) is False
    peer = {"sends": [100.0]}
    assert report.reached(SENDS, {"Noria": {"sends": [800.0]}, "MiniStack": peer}) is True
    assert report.reached(SENDS, {"Noria": {"sends": [799.0]}, "MiniStack": peer}) is False


def test_a_mark_may_be_a_rate_and_a_ratio_too() -> None:
    drained = next(measure for measure in MEASURES if measure.key == "drained")
    assert report.reached(drained, {"Noria": {"drained": [8000.0]}}) is True
    assert report.reached(drained, {"Noria": {"drained": [7999.0]}}) is False
    results = {"Noria": {"drained": [9000.0]}, "MiniStack": {"drained": [2000.0]}}
    assert report.reached(drained, results) is False
    assert "≥ 8,000 /s, ≥ 5 ×: **missed**" in report.table(results)


def test_a_table_shows_medians_with_their_spread_ratios_and_missed_marks() -> None:
    results = {
        "Noria": {"warm_p50": [4.0, 3.5, 5.25]},
        "MiniStack": {"warm_p50": [48.0, 60.0, 52.0]},
        "limit": {"warm_p50": [0.5]},
    }
    assert report.table(results).splitlines() == [
        "|  | Noria | MiniStack | limit | Noria : MiniStack | mark |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| warm invoke, p50 | 4.00 ms (3.50–5.25) | 52.0 ms (48.0–60.0) | 0.50 ms | 13.0 ×"
        " | < 2.5 ms: **missed** |",
    ]


def test_figures_of_a_busy_machine_get_no_verdict() -> None:
    row = report.table({"Noria": {"warm_p50": [4.0]}}, verdicts=False).splitlines()[-1]
    assert row == "| warm invoke, p50 | 4.00 ms | < 2.5 ms |"


def test_figures_have_three_significant_digits() -> None:
    assert [report.figure(value) for value in (25_321.4, 123.4, 12.34, 1.234, 0.1234)] == [
        "25,321", "123", "12.3", "1.23", "0.12",
    ]  # fmt: skip


def test_every_measure_with_a_mark_says_what_it_means() -> None:
    keys = [measure.key for measure in MEASURES]
    assert len(keys) == len(set(keys))
    assert all(measure.meaning for measure in MEASURES)
    assert {m.key: (m.mark, m.against_peer) for m in MEASURES if m.mark} == {
        "ready": (0.5, False), "idle": (80, False), "sends": (8, True),
        "warm_p50": (2.5, False), "warm_p99": (8, False), "cold_p50": (25, False),
        "deploy": (400, False), "environment": (12, False), "trigger_p50": (5, False),
        "trigger_p99": (20, False), "drained": (8_000, False), "drained_large": (20_000, False),
        "fifo": (3_000, False), "beside_idle": (95, False), "evaluations": (3, False),
    }  # fmt: skip


def test_a_measure_without_a_mark_has_no_verdict() -> None:
    assert report.reached(Measure("x", "x", "s", "x"), {"Noria": {"x": [1.0]}}) is None
