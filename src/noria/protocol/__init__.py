"""The wire formats of the AWS APIs, compiled from botocore's service models."""
