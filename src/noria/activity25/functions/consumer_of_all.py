def lambda_handler(event, context):
    failures = []
    for record in event["Records"]:
        try:
            print("consumed", record["body"])  # the work on one message
        except Exception as error:
            print("failed", record["messageId"], repr(error))
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
