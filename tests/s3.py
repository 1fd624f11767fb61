"""An object store for tests: a moto server of this process, and a bucket of its own for each."""

import json
import logging
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import boto3
import fsspec
import pytest


@dataclass(frozen=True)
class Store:
    """A bucket, empty at first, in a store that boto3 and s3fs find by the environment."""

    client: Any
    bucket: str
    endpoint: str

    @property
    def address(self) -> str:
        return f"s3://{self.bucket}"

    def put(self, key: str, content: bytes, **options: Any) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content, **options)

    def put_parts(self, key: str, *parts: bytes) -> None:
        """Upload in parts; all but the last must hold 5 MiB or more."""
        target = {"Bucket": self.bucket, "Key": key}
        upload = target | {"UploadId": self.client.create_multipart_upload(**target)["UploadId"]}
        etags = [
            self.client.upload_part(**upload, PartNumber=number, Body=part)["ETag"]
            for number, part in enumerate(parts, start=1)
        ]
        listed = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, start=1)]
        self.client.complete_multipart_upload(**upload, MultipartUpload={"Parts": listed})

    def get(self, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return content

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=key)

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix
        )
        return [item["Key"] for page in pages for item in page.get("Contents", [])]


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of the one object store of the test run."""
    # Here, so that tests without a store do not wait for its import.
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty bucket, and an environment in which it is found, with no other credentials."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nowhere/config",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere/credentials",
    }.items():
        monkeypatch.setenv(name, value)
    # A new session: boto3's default one remembers the environment of the first client.
    client = boto3.Session().client("s3")
    bucket = f"test-{uuid4().hex[:12]}"
    client.create_bucket(Bucket=bucket)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    yield Store(client, bucket, s3_server)
    fsspec.get_filesystem_class("s3").clear_instance_cache()


def _set_unchecked_requests(endpoint: str, number: str) -> None:
    """Let the store ask for credentials after so many requests."""
    request = urllib.request.Request(
        f"{endpoint}/moto-api/reset-auth", number.encode(), {"Content-Type": "text/plain"}
    )
    urllib.request.urlopen(request).close()


@pytest.fixture
def strict(s3: Store) -> Iterator[tuple[str, str]]:
    """The store asks who it is; yield the key of a user who may list buckets, no more."""
    s3.put("raw/a.csv", b"x")
    iam = boto3.Session().client("iam", region_name="us-east-1")
    iam.create_user(UserName="lister")
    key = iam.create_access_key(UserName="lister")["AccessKey"]
    statement = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    iam.put_user_policy(UserName="lister", PolicyName="list", PolicyDocument=policy)
    _set_unchecked_requests(s3.endpoint, "0")
    yield key["AccessKeyId"], key["SecretAccessKey"]
    _set_unchecked_requests(s3.endpoint, "inf")
    iam.delete_user_policy(UserName="lister", PolicyName="list")
    iam.delete_access_key(UserName="lister", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="lister")
