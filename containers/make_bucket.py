"""Makes the bucket that MLflow's server keeps artifacts in, where the store has none yet."""

import os
from urllib.parse import urlparse

import boto3

bucket = urlparse(os.environ["MLFLOW_ARTIFACTS_DESTINATION"]).netloc
s3 = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"])
if bucket not in [known["Name"] for known in s3.list_buckets()["Buckets"]]:
    s3.create_bucket(Bucket=bucket)
