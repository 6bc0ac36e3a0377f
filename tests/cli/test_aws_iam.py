"""Identities by the `aws` command, as AWS's own guides do it."""

from __future__ import annotations

import json

from tests.support.aws import ACCOUNT, Aws, allow, unique
from tests.support.shell import Shell


def test_a_user_is_set_up_and_its_key_is_rotated(aws: Aws, shell: Shell) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/id-credentials-access-keys-update.html"""
    user, group = unique("user"), unique("group")
    url, arn = aws.queue()
    lines = shell.output(
        """
        eval "$(noria env)"
        aws iam create-group --group-name $GROUP --output text --query Group.GroupName
        aws iam put-group-policy --group-name $GROUP --policy-name send --policy-document "$POLICY"
        aws iam create-user --user-name $NAME --tags Key=team,Value=a --output text --query User.Arn
        aws iam add-user-to-group --group-name $GROUP --user-name $NAME
        as_user() {
            (export AWS_ACCESS_KEY_ID=$1 AWS_SECRET_ACCESS_KEY=$2; aws "${@:3}" --output text)
        }
        new_key() {
            aws iam create-access-key --user-name $NAME --output text \
                --query 'AccessKey.[AccessKeyId,SecretAccessKey]'
        }
        read -r old_id old_secret <<< "$(new_key)"
        as_user $old_id $old_secret sts get-caller-identity --query Arn
        as_user $old_id $old_secret sqs send-message --queue-url $URL --message-body x \
            --query MD5OfMessageBody
        read -r new_id new_secret <<< "$(new_key)"
        aws iam update-access-key --user-name $NAME --access-key-id $old_id --status Inactive
        as_user $old_id $old_secret sts get-caller-identity 2>&1 || true
        as_user $new_id $new_secret sts get-caller-identity --query Arn
        aws iam delete-access-key --user-name $NAME --access-key-id $old_id
        aws iam list-access-keys --user-name $NAME --output text --query 'AccessKeyMetadata[].Status'
        aws iam simulate-principal-policy --policy-source-arn arn:aws:iam::$ACCOUNT:user/$NAME \
            --action-names sqs:SendMessage sqs:ReceiveMessage --resource-arns $ARN --output text \
            --query 'EvaluationResults[].EvalDecision'
        """,
        NAME=user,
        GROUP=group,
        POLICY=allow("sqs:SendMessage", arn),
        URL=url,
        ARN=arn,
        ACCOUNT=ACCOUNT,
    ).split("\n")
    user_arn = f"arn:aws:iam::{ACCOUNT}:user/{user}"
    assert [line for line in lines if line] == [
        group,
        user_arn,
        user_arn,
        "9dd4e461268c8034f5c8564e155c67a6",
        "An error occurred (InvalidClientTokenId) when calling the GetCallerIdentity operation: The security"
        " token included in the request is invalid.",
        user_arn,
        "Active",
        "allowed\timplicitDeny",
    ]


def test_sessions_by_the_command(aws: Aws, shell: Shell) -> None:
    output = shell.output(
        """
        eval "$(noria env)"
        aws sts get-session-token --duration-seconds 900 --query Credentials.SessionToken | wc -c
        aws sts get-federation-token --name bob --query FederatedUser
        """
    )
    length, _, federated = output.partition("\n")
    assert int(length) > 50
    assert json.loads(federated) == {
        "FederatedUserId": f"{ACCOUNT}:bob",
        "Arn": f"arn:aws:sts::{ACCOUNT}:federated-user/bob",
    }
