"""Another account's root and roles at our resources: nothing without our leave, and no deputy is confused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.aws import (
    ACCOUNT,
    ACCOUNT_TRUST,
    BASIC_EXECUTION,
    Aws,
    allow,
    eventually,
    package,
    refused,
    trust,
    unique,
)
from tests.support.server import Keys, ServerProcess

STRANGER = "222222222222"
Call = Callable[[Any, str], object]


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, Keys]]:
    """Our server, and an administrator's keys of another account, which the server had before."""
    data_dir = tmp_path_factory.mktemp("accounts") / "data"
    with ServerProcess(data_dir, "--account", STRANGER) as before:
        iam = before.client("iam")
        iam.create_user(UserName="admin")
        iam.attach_user_policy(UserName="admin", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
        key = iam.create_access_key(UserName="admin")["AccessKey"]
    with ServerProcess(data_dir) as now:
        yield now, Keys(key["AccessKeyId"], key["SecretAccessKey"])


@pytest.fixture(scope="module")
def server(theirs: tuple[ServerProcess, Keys]) -> ServerProcess:
    return theirs[0]


@pytest.fixture(scope="module")
def aws(server: ServerProcess) -> Aws:
    return Aws(server.client)


@pytest.fixture(scope="module")
def other(theirs: tuple[ServerProcess, Keys]) -> Aws:
    """Their administrator."""
    server, keys = theirs
    return Aws(lambda service: server.client(service, keys))


@pytest.fixture(scope="module")
def their_role(other: Aws, server: ServerProcess) -> Aws:
    """A session of a role of theirs that may do everything, as far as they can say."""
    trusting = trust({"AWS": f"arn:aws:iam::{STRANGER}:root"})
    keys = other.assume(other.role(trusting=trusting, All=allow("*", "*")), "theirs")
    return Aws(lambda service: server.client(service, keys))


def code(call: Callable[..., object], **members: object) -> str:
    """Of the error that the call is answered with."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    return str(caught.value.response["Error"]["Code"])


ON_A_QUEUE: dict[str, Call] = {
    "SendMessage": lambda sqs, url: sqs.send_message(QueueUrl=url, MessageBody="m"),
    "ReceiveMessage": lambda sqs, url: sqs.receive_message(QueueUrl=url),
    "DeleteMessage": lambda sqs, url: sqs.delete_message(QueueUrl=url, ReceiptHandle="r"),
    "PurgeQueue": lambda sqs, url: sqs.purge_queue(QueueUrl=url),
    "DeleteQueue": lambda sqs, url: sqs.delete_queue(QueueUrl=url),
    "GetQueueAttributes": lambda sqs, url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]),
    "SetQueueAttributes": lambda sqs, url: sqs.set_queue_attributes(
        QueueUrl=url, Attributes={"DelaySeconds": "1"}
    ),
    "TagQueue": lambda sqs, url: sqs.tag_queue(QueueUrl=url, Tags={"a": "b"}),
    "ListQueueTags": lambda sqs, url: sqs.list_queue_tags(QueueUrl=url),
}


@pytest.mark.parametrize("operation", ON_A_QUEUE)
def test_our_queue_is_closed_to_them(aws: Aws, other: Aws, their_role: Aws, operation: str) -> None:
    url, arn = aws.queue()
    for client in (other.sqs, their_role.sqs):
        with pytest.raises(ClientError) as caught:
            ON_A_QUEUE[operation](client, url)
        error = caught.value.response["Error"]
        assert error["Code"] in ("AccessDenied", "AWS.SimpleQueueService.NonExistentQueue")
        if error["Code"] == "AccessDenied":
            action = f"sqs:{operation.lower()}"
            assert f"{action} on resource: {arn} because no resource-based policy allows" in error["Message"]
    assert (
        aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["DelaySeconds"]
        == "0"
    )


def test_their_queue_of_the_same_name_is_theirs(aws: Aws, other: Aws) -> None:
    name = unique("queue")
    ours, theirs = aws.queue(name)[0], other.sqs.create_queue(QueueName=name)["QueueUrl"]
    assert ours != theirs
    other.sqs.send_message(QueueUrl=theirs, MessageBody="m")
    assert "Messages" not in aws.sqs.receive_message(QueueUrl=ours)


def test_our_function_is_closed_to_them_until_it_lets_them(aws: Aws, other: Aws, their_role: Aws) -> None:
    name = aws.function("def handler(event, context):\n    return 1\n", aws.role(BASIC_EXECUTION))
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
    for theirs in (other, their_role):
        for call in (
            theirs.functions.invoke,
            theirs.functions.get_function,
            theirs.functions.delete_function,
        ):
            assert code(call, FunctionName=arn) == "AccessDeniedException"
    aws.functions.add_permission(
        FunctionName=name, StatementId="them", Action="lambda:InvokeFunction", Principal=STRANGER
    )
    assert json.loads(their_role.functions.invoke(FunctionName=arn)["Payload"].read()) == 1
    assert code(their_role.functions.delete_function, FunctionName=arn) == "AccessDeniedException"
    aws.functions.remove_permission(FunctionName=name, StatementId="them")
    assert code(their_role.functions.invoke, FunctionName=arn) == "AccessDeniedException"


def test_our_policies_and_roles_are_not_theirs(aws: Aws, other: Aws, their_role: Aws) -> None:
    arn = aws.iam.create_policy(PolicyName=unique("p"), PolicyDocument=allow("*", "*"))["Policy"]["Arn"]
    name = aws.role().rpartition("/")[2]
    for iam in (other.iam, their_role.iam):
        assert code(iam.get_policy, PolicyArn=arn) == "AccessDenied"
        assert code(iam.delete_policy, PolicyArn=arn) == "AccessDenied"
        assert code(iam.get_role, RoleName=name) == "NoSuchEntity"
    own = other.role().rpartition("/")[2]
    assert code(other.iam.attach_role_policy, RoleName=own, PolicyArn=arn) == "NoSuchEntity"
    assert aws.iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 0


def test_our_logs_are_not_theirs(aws: Aws, other: Aws, their_role: Aws) -> None:
    name = unique("group")
    aws.logs.create_log_group(logGroupName=name)
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{name}"
    for logs in (other.logs, their_role.logs):
        assert code(logs.filter_log_events, logGroupIdentifier=arn) == "AccessDeniedException"
        assert code(logs.delete_log_group, logGroupName=name) == "ResourceNotFoundException"


def test_our_role_is_not_passed_to_their_function(aws: Aws, other: Aws) -> None:
    """Or their code would run with our role's rights."""
    ours = aws.role(BASIC_EXECUTION, Secret=allow("sqs:*", "*"))
    with refused(403, "AccessDeniedException", "Cross-account pass role is not allowed."):
        other.functions.create_function(
            FunctionName=unique("deputy"), Runtime="python3.11", Role=ours, Handler="app.handler",
            Code={"ZipFile": package("")},
        )  # fmt: skip


def test_our_queue_does_not_trigger_their_function(aws: Aws, other: Aws) -> None:
    url, arn = aws.queue()
    aws.sqs.send_message(QueueUrl=url, MessageBody="secret")
    their = other.role(BASIC_EXECUTION, All=allow("*", "*"))
    name = other.function("def handler(event, context):\n    print(event)\n", their)
    create = other.functions.create_event_source_mapping
    assert code(create, EventSourceArn=arn, FunctionName=name) == "InvalidParameterValueException"
    assert len(aws.sqs.receive_message(QueueUrl=url)["Messages"]) == 1


def test_our_queue_triggers_their_function_once_its_policy_lets_their_role(aws: Aws, other: Aws) -> None:
    url, arn = aws.queue()
    aws.sqs.send_message(QueueUrl=url, MessageBody="shared")
    their = other.role(BASIC_EXECUTION, All=allow("sqs:*", "*"))
    name = other.function("def handler(event, context):\n    print(event['Records'][0]['body'])\n", their)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": their},
        "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    mapping = other.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=name)
    assert mapping["EventSourceArn"] == arn
    assert "shared\n" in other.log_of(name, 1)
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def is_empty() -> bool:
        answer = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)
        return set(answer["Attributes"].values()) == {"0"}

    eventually(is_empty, "the queue emptied")


def test_our_role_is_assumed_by_whom_it_trusts_only(aws: Aws, other: Aws, their_role: Aws) -> None:
    ours = aws.role(trusting=ACCOUNT_TRUST)
    for sts in (other.sts, their_role.sts):
        assert code(sts.assume_role, RoleArn=ours, RoleSessionName="deputy") == "AccessDenied"


def test_a_deputy_names_its_customer(aws: Aws, their_role: Aws) -> None:
    """The confused deputy of AWS's documentation: the third party must send the id of the one it acts for."""
    document = json.loads(trust({"AWS": STRANGER}))
    document["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": "customer-1"}}
    ours = aws.role(trusting=json.dumps(document))
    for wrong in ({}, {"ExternalId": "customer-2"}):
        refusal = code(their_role.sts.assume_role, RoleArn=ours, RoleSessionName="deputy", **wrong)
        assert refusal == "AccessDenied"
    right = their_role.sts.assume_role(RoleArn=ours, RoleSessionName="deputy", ExternalId="customer-1")
    assert right["AssumedRoleUser"]["Arn"].startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/")


def test_a_role_made_anew_does_not_revive_old_sessions(aws: Aws, server: ServerProcess) -> None:
    url, arn = aws.queue()
    role = aws.role(trusting=ACCOUNT_TRUST, Send=allow("sqs:*", arn))
    name = role.rpartition("/")[2]
    keys = aws.assume(role, "old")
    server.client("sqs", keys).send_message(QueueUrl=url, MessageBody="m")
    aws.iam.delete_role_policy(RoleName=name, PolicyName="Send")
    aws.iam.delete_role(RoleName=name)
    aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=ACCOUNT_TRUST)
    aws.iam.put_role_policy(RoleName=name, PolicyName="Send", PolicyDocument=allow("sqs:*", arn))
    sqs = server.client("sqs", keys)
    assert code(sqs.send_message, QueueUrl=url, MessageBody="m") == "InvalidClientTokenId"


def grant(aws: Aws, url: str, arn: str, *statements: dict[str, Any]) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Resource": arn, **fields} for fields in statements]}
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(document)})


def test_our_queue_lets_them_do_what_its_policy_says(
    aws: Aws, other: Aws, their_role: Aws, server: ServerProcess
) -> None:
    url, arn = aws.queue()
    grant(aws, url, arn, {"Effect": "Allow", "Principal": {"AWS": STRANGER}, "Action": "sqs:SendMessage"})
    their_role.sqs.send_message(QueueUrl=url, MessageBody="m")
    assert code(their_role.sqs.receive_message, QueueUrl=url) == "AccessDenied"
    weak = server.client("sqs", other.assume(other.role(trusting=trust({"AWS": STRANGER})), "weak"))
    assert code(weak.send_message, QueueUrl=url, MessageBody="m") == "AccessDenied"
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert code(their_role.sqs.send_message, QueueUrl=url, MessageBody="m") == "AccessDenied"


def test_a_queue_may_deny_its_own_accounts_root(aws: Aws) -> None:
    url, arn = aws.queue()
    grant(aws, url, arn, {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage"})
    with refused(
        403,
        "AccessDenied",
        f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: sqs:sendmessage on resource: {arn} "
        "with an explicit deny in a resource-based policy",
    ):
        aws.sqs.send_message(QueueUrl=url, MessageBody="m")


def test_our_queue_triggers_their_function_where_its_policy_lets_their_role(aws: Aws, other: Aws) -> None:
    url, arn = aws.queue(VisibilityTimeout="30")
    role = other.role(BASIC_EXECUTION, All=allow("sqs:*", arn))
    name = other.function("def handler(event, context):\n    print(event['Records'][0]['body'])\n", role)
    actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    grant(aws, url, arn, {"Effect": "Allow", "Principal": {"AWS": role}, "Action": actions})
    other.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=name)
    aws.sqs.send_message(QueueUrl=url, MessageBody="across")
    assert "across\n" in "".join(other.log_of(name, 1))
