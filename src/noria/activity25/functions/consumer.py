def lambda_handler(event, context):

    # get message packaged in event
    for record in event['Records']:
        payload = record["body"]
        return { 
            'message' : str(payload)
        }
