"""Chalice: an application with a handler of a queue's messages, deployed and deleted by its own command."""

from __future__ import annotations

import json
from pathlib import Path

import botocore
from tests.support.aws import Aws, eventually, unique
from tests.support.shell import Shell

APP = """\
from chalice import Chalice

app = Chalice(app_name="{name}")


@app.on_sqs_message(queue="{queue}", batch_size=1)
def handle(event):
    for record in event:
        print("handled", record.body)
"""


def quick_waiters(directory: Path) -> str:
    """A data path for botocore, whose waiters wait seconds for what takes AWS as long."""
    known = Path(botocore.__file__).parent / "data" / "lambda" / "2015-03-31"
    [source] = [*known.glob("waiters-2.json*")]
    text = source.read_bytes()
    if source.suffix == ".gz":
        import gzip

        text = gzip.decompress(text)
    waiters = json.loads(text)
    for waiter in waiters["waiters"].values():
        waiter["delay"] = 0.05
    target = directory / "lambda" / "2015-03-31"
    target.mkdir(parents=True)
    (target / "waiters-2.json").write_text(json.dumps(waiters))
    return str(directory)


def test_chalice_deploys_a_handler_of_messages(aws: Aws, shell: Shell, tmp_path: Path) -> None:
    name, (url, _) = unique("orders"), aws.queue()
    app = tmp_path / "app"
    (app / ".chalice").mkdir(parents=True)
    config = {"version": "2.0", "app_name": name, "lambda_timeout": 20, "stages": {"dev": {}}}
    (app / ".chalice" / "config.json").write_text(json.dumps(config))
    (app / "app.py").write_text(APP.format(name=name, queue=url.rpartition("/")[2]))
    (app / "requirements.txt").touch()
    path = quick_waiters(tmp_path / "botocore")
    deployed = shell.output('eval "$(noria env)"; cd app; chalice deploy', AWS_DATA_PATH=path)
    assert f"function:{name}-dev-handle" in deployed
    aws.sqs.send_message(QueueUrl=url, MessageBody="order 1")
    handled = eventually(
        lambda: [line for line in aws.log_lines(f"{name}-dev-handle") if line.startswith("handled")],
        "the message is handled",
    )
    assert handled == ["handled order 1\n"]
    assert "Deleting function" in shell.output('eval "$(noria env)"; cd app; chalice delete')
