"""Every action of every AWS service, and the resources that it can be about (tools/aws_catalogue.py)."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec


class Service(msgspec.Struct, frozen=True):
    """``*`` stands for what varies. resources: ARNs. actions: name → indexes of the resources it is about;
    none for an action that is about no resource, which only ``*`` can allow. keys: name → condition keys; of
    the services that Noria has."""

    resources: list[str]
    actions: dict[str, list[int]]
    keys: dict[str, list[str]] = {}


class _Reference(msgspec.Struct):
    services: dict[str, Service]


@cache
def services() -> Mapping[str, Service]:
    """AWS's service authorization reference by service prefix (``sqs``). Read once, when first asked for."""
    content = gzip.decompress(files("noria.policy").joinpath("data/actions.json.gz").read_bytes())
    return msgspec.json.decode(content, type=_Reference).services
