import os

import boto3

sqs = boto3.client("sqs")


def lambda_handler(event, context):
    task = f"task {context.aws_request_id}"
    answer = sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=task)
    return {"task": task, "messageId": answer["MessageId"]}
