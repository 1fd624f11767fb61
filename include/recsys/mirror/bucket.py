"""The objects below an address in an object store: list them, read them, ask about them."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError

from recsys.errors import ConfigError
from recsys.faults import explained
from recsys.mirror.checksum import Stated, even_parts

#: How often boto3 tries a request, with growing pauses between.
ATTEMPTS = 5
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 10, 60


@dataclass(frozen=True)
class RemoteFile:
    """One object as it was listed."""

    key: str
    #: The key without the prefix, where the file is to lie below the target.
    name: str
    #: Without quotes.
    etag: str
    size: int


class Bucket:
    """What lies below `s3://bucket/prefix`; credentials come from where boto3 looks for them."""

    def __init__(self, address: str, *, endpoint_url: str | None = None, workers: int = 8) -> None:
        """Make a client; nothing is asked yet.

        Args:
            address: `s3://bucket/prefix`; the prefix is a folder, and may be empty.
            endpoint_url: of the store; default AWS_ENDPOINT_URL, else Amazon's.
            workers: requests at the same time.

        Raises:
            ConfigError: the address or the endpoint cannot be one.
        """
        parts = urlsplit(address, allow_fragments=False)
        if parts.scheme != "s3" or not parts.netloc or parts.query:
            raise ConfigError(f"a bucket's address must read s3://bucket/prefix. Got {address!r}")
        self.name = parts.netloc
        self.prefix = prefix + "/" if (prefix := parts.path.strip("/")) else ""
        self.address = f"s3://{self.name}/{self.prefix}".rstrip("/")
        settings = ClientConfig(
            max_pool_connections=workers,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
        )
        try:
            # A session of its own: boto3's default one keeps the environment that it saw first.
            session = boto3.Session()
            self._client: Any = session.client("s3", endpoint_url=endpoint_url, config=settings)
        except (BotoCoreError, ValueError) as error:
            raise ConfigError(f"no client for {self.address}: {error}") from error
        self.endpoint: str = self._client.meta.endpoint_url

    def list_files(self) -> list[RemoteFile]:
        """Return every object below the prefix; the marks that consoles leave of folders are none.

        Raises:
            ConfigError: there is no such bucket, no permission, or not one object.
            RecsysError: the store cannot be reached.
        """
        with explained(self.address, self.endpoint):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.name, Prefix=self.prefix
            )
            files = [self._file(item) for page in pages for item in page.get("Contents", [])]
        files = [f for f in files if f.name and not (f.name.endswith("/") and f.size == 0)]
        if not files:
            raise ConfigError(f"no object below {self.address} at {self.endpoint}: check the name")
        return files

    def open(self, file: RemoteFile, start: int = 0) -> Mapping[str, Any]:
        """Return boto3's answer for the object from byte `start` on, as it was when listed.

        Raises:
            ObjectError: the object has changed since.
        """
        more = {"Range": f"bytes={start}-"} if start else {}
        with self.explained(file):
            answer: Mapping[str, Any] = self._client.get_object(
                Bucket=self.name, Key=file.key, IfMatch=f'"{file.etag}"', ChecksumMode="ENABLED",
                **more,
            )  # fmt: skip
        return answer

    def describe(self, file: RemoteFile) -> Stated:
        """Return what the store says of the whole object.

        Raises:
            ObjectError: the object has changed since it was listed.
        """
        with self.explained(file):
            answer = self._client.head_object(
                Bucket=self.name, Key=file.key, IfMatch=f'"{file.etag}"', ChecksumMode="ENABLED"
            )
        return Stated.of(answer, size=file.size)

    def part_sizes(self, file: RemoteFile, parts: int) -> Iterator[list[int]]:
        """Yield the bytes of each part: first as if all were like the first, then as they are.

        Nothing where the store does not tell: it then describes the whole object instead.
        """
        first = self._part(file, 1)
        if first.get("PartsCount") != parts:
            return
        even = even_parts(file.size, first["ContentLength"])
        if len(even) == parts:
            yield even
        yield [self._part(file, number)["ContentLength"] for number in range(1, parts + 1)]

    def explained(self, file: RemoteFile) -> AbstractContextManager[None]:
        """Return the context in which boto3's errors are about this object."""
        return explained(f"s3://{self.name}/{file.key}", self.endpoint)

    def _part(self, file: RemoteFile, number: int) -> Any:
        with self.explained(file):
            return self._client.head_object(Bucket=self.name, Key=file.key, PartNumber=number)

    def _file(self, item: Mapping[str, Any]) -> RemoteFile:
        key = item["Key"]
        etag = item["ETag"].strip('"')
        return RemoteFile(key, key.removeprefix(self.prefix), etag, item["Size"])
