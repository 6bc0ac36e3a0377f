"""`/metrics`, as Prometheus and `curl` read it."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.support.aws import Aws
from tests.support.server import ServerProcess
from tests.support.shell import Shell


def test_without_a_signature_nothing_is_told(server: ServerProcess) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{server.url}/metrics")
    with caught.value as answer:
        assert (answer.status, answer.read()[:35]) == (403, b"MissingAuthenticationTokenException")


def test_root_reads_it_with_curl_as_the_documentation_says(aws: Aws, shell: Shell) -> None:
    url, _ = aws.queue()
    aws.sqs.receive_message(QueueUrl=url)
    output = shell.output(
        """
        eval "$(noria env)"
        curl -sS --aws-sigv4 "aws:amz:$AWS_REGION:noria" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
            "$AWS_ENDPOINT_URL/metrics"
        """
    )
    assert "# TYPE noria_info gauge\n" in output


def test_an_option_opens_it_but_not_to_other_sites_pages(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--open-metrics") as process:
        with urllib.request.urlopen(f"{process.url}/metrics") as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert b"noria_info" in answer.read()
        for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
            request = urllib.request.Request(f"{process.url}/metrics", headers=headers)
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request)
            with caught.value as refused:
                assert refused.status == 403
