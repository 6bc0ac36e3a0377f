"""The bounds of CloudWatch's metrics, from its API reference and quotas pages."""

from __future__ import annotations

MAX_METRIC_DATA = 1_000  # of a PutMetricData request
MAX_VALUES = 150  # of a datum's Values
MAX_DIMENSIONS = 30
MAX_DIMENSION_FILTERS = 10
MAX_NAME_CHARS = 255  # of namespaces, metrics and dimensions
MAX_DIMENSION_VALUE_CHARS = 1_024
MAX_VALUE = 2.0**360
MAX_AGE_S = 14 * 86_400
MAX_LEAD_S = 2 * 3_600
MAX_TIME_S = 253_402_300_799  # the end of the year 9999
RECENTLY_S = 3 * 3_600  # ListMetrics' PT3H
LISTED_FOR_S = 14 * 86_400  # a metric without newer values is not listed
LISTED = 500  # metrics in a page
MAX_STATISTICS = 5
MAX_EXTENDED_STATISTICS = 10
MAX_POINTS = 1_440  # of a GetMetricStatistics answer
MAX_QUERIES = 500  # of a GetMetricData request
MAX_DATA_POINTS = 100_800  # of a page of GetMetricData
MAX_EXPRESSION_CHARS = 2_048
MAX_READ_POINTS = 1_000_000  # of all pages of a GetMetricData request; 100 MB while it is answered
SHORT_PERIODS_S = (1, 5, 10, 20, 30)  # beside multiples of 60

KEPT_MINUTES = 15 * 1_440  # of data by the minute (cloudwatch_concepts.html, "Metrics retention")
MAX_PENDING = 20_000  # aggregates that wait in memory for their minute's end: 12 MB
FLUSH_S = 60.0
EXPIRY_S = 3_600.0

STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
