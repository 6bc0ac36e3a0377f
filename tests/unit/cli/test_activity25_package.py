"""The exercise's own files: as written, packaged as Step 1 says."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from noria.activity25 import package

CONSUMER = """\
def lambda_handler(event, context):

    # get message packaged in event
    for record in event['Records']:
        payload = record["body"]
        return { \n            'message' : str(payload)
        }
"""


def test_the_consumer_is_the_exercises_to_the_letter() -> None:
    assert package.source("consumer") == CONSUMER


def test_the_consumer_of_all_handles_every_record_and_reports_the_failed_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names: dict[str, object] = {}
    exec(package.source("consumer_of_all"), names)
    handler = names["lambda_handler"]
    assert callable(handler)
    records: list[dict[str, str]] = [
        {"messageId": "1", "body": "a"},
        {"messageId": "2"},
        {"messageId": "3", "body": "c"},
    ]
    assert handler({"Records": records}, None) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert capsys.readouterr().out == "consumed a\nfailed 2 KeyError('body')\nconsumed c\n"


def test_a_kept_package_is_used_again_without_a_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(directory: Path) -> Path:
        path = directory / "producer.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("boto3/__init__.py", "__version__ = '1.2.3'\n")
        return path

    monkeypatch.setattr(package, "_build", build)
    built: list[str] = []
    first = package.producer_package(tmp_path, lambda: built.append("first"))
    monkeypatch.delattr(package, "_build")
    second = package.producer_package(tmp_path, lambda: built.append("second"))
    assert built == ["first"]
    assert (first.cached, second.cached) == (False, True)
    assert (second.boto3_version, second.path) == ("1.2.3", first.path)
    assert [entry.name for entry in first.path.parent.iterdir()] == ["producer.zip"]


def test_a_failed_build_leaves_nothing_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # as good as offline
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(package.PackageError, match=r"boto3 cannot be installed .*network(.|\n)*No matching"):
        package.producer_package(tmp_path, lambda: None)
    assert not list(tmp_path.rglob("*.zip"))
    assert not list(tmp_path.rglob("build-*"))


def test_typed_in_code_becomes_a_zip_with_one_readable_module() -> None:
    first = package.single_file("lambda_function.py", "x = 1\n")
    assert first == package.single_file("lambda_function.py", "x = 1\n")
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert archive.read("lambda_function.py") == b"x = 1\n"
        assert stat.S_IMODE(archive.infolist()[0].external_attr >> 16) == 0o644
