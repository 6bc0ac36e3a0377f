"""Metrics by the `aws` command."""

from __future__ import annotations

import json

from tests.support.aws import Aws, unique
from tests.support.shell import Shell


def test_metrics_by_the_command(aws: Aws, shell: Shell) -> None:
    output = shell.output(
        """
        eval "$(noria env)"
        put() { aws cloudwatch put-metric-data --namespace $SPACE --metric-name Orders "$@"; }
        put --value 3 --unit Count --dimensions Shop=a
        put --value 5 --unit Count --dimensions Shop=a
        aws cloudwatch list-metrics --namespace $SPACE --query 'Metrics[].Dimensions[].Value' --output text
        aws cloudwatch get-metric-statistics --namespace $SPACE --metric-name Orders \
            --dimensions Name=Shop,Value=a --statistics Sum SampleCount --period 3600 \
            --start-time "$(date -u -d '-30 minutes' +%FT%TZ)" \
            --end-time "$(date -u -d '+5 minutes' +%FT%TZ)" \
            --query 'Datapoints[].[Sum,SampleCount,Unit]' --output json
        """,
        SPACE=unique("Shop"),
    )
    shop, _, points = output.partition("\n")
    assert shop == "a"
    assert json.loads(points) == [[8.0, 2.0, "Count"]]
