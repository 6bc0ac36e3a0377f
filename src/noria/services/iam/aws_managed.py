"""AWS-managed policies, with AWS's own documents, ids and dates."""

from __future__ import annotations

from noria.services.iam.models import AWS_ACCOUNT, ManagedPolicy

AWS_MANAGED: dict[str, ManagedPolicy] = {
    policy.arn: policy
    for policy in (
        ManagedPolicy(
            name="AWSLambdaBasicExecutionRole",
            account=AWS_ACCOUNT,
            path="/service-role/",
            policy_id="ANPAJNCQGXC42545SKXIK",
            created_s=1428591823,  # 2015-04-09T15:03:43Z
            description="Provides write permissions to CloudWatch Logs.",
            document="""{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:PutLogEvents"
            ],
            "Resource": "*"
        }
    ]
}""",
        ),
        ManagedPolicy(
            name="AWSLambdaSQSQueueExecutionRole",
            account=AWS_ACCOUNT,
            path="/service-role/",
            policy_id="ANPAJFWJZI6JNND4TSELK",
            created_s=1529013045,  # 2018-06-14T21:50:45Z
            description="Provides receive message, delete message, and read attribute access to SQS queues,"
            " and write permissions to CloudWatch logs.",
            document="""{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:PutLogEvents"
            ],
            "Resource": "*"
        }
    ]
}""",
        ),
    )
}
