"""What a store may refuse, each as one sentence, with the exit code that says whether to retry."""

import pytest
from botocore.exceptions import ClientError

from recsys.errors import ConfigError, RecsysError
from recsys.faults import ObjectError, explained
from recsys.mirror.bucket import Bucket

CLOSED = "http://127.0.0.1:9"


def error_of(address: str, **settings: object) -> RecsysError:
    with pytest.raises(RecsysError) as caught:
        Bucket(address, **settings).list_files()
    return caught.value


@pytest.mark.parametrize(
    "address", ["raw", "/data/raw", "http://host/raw", "s3:///raw", "s3://b/raw?versionId=1"]
)
def test_an_address_that_is_none(s3, address):
    error = error_of(address)
    assert (error.exit_code, str(error)) == (
        3,
        f"a bucket's address must read s3://bucket/prefix. Got {address!r}",
    )


def test_no_such_bucket(s3):
    error = error_of("s3://not-there/raw")
    assert (error.exit_code, str(error)) == (
        3,
        f"no bucket for s3://not-there/raw at {s3.endpoint}: check its name",
    )


def test_nothing_below_the_prefix(s3):
    s3.put("raw-old/a.csv", b"x")
    error = error_of(f"{s3.address}/raw/")
    assert (error.exit_code, str(error)) == (
        3,
        f"no object below {s3.address}/raw at {s3.endpoint}: check the name",
    )


def test_no_credentials(s3, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    error = error_of(f"{s3.address}/raw")
    assert (error.exit_code, str(error)) == (
        3,
        f"no usable credentials for {s3.address}/raw: set AWS_ACCESS_KEY_ID and"
        " AWS_SECRET_ACCESS_KEY, or AWS_PROFILE (Unable to locate credentials)",
    )


def test_half_of_the_credentials(s3, monkeypatch):
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    error = error_of(f"{s3.address}/raw")
    assert error.exit_code == 3
    assert "no usable credentials" in str(error) or "no client for" in str(error)


def test_an_unknown_profile(s3, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    error = error_of(f"{s3.address}/raw")
    assert error.exit_code == 3
    assert str(error).endswith("The config profile (nobody) could not be found")


def test_credentials_that_the_store_does_not_know(s3, strict):
    error = error_of(f"{s3.address}/raw")
    assert (error.exit_code, str(error)) == (
        3,
        f"no permission for {s3.address}/raw at {s3.endpoint} (InvalidAccessKeyId): check the"
        " credentials, which must allow listing the bucket and reading its objects, and a lake's"
        " writing them",
    )


def test_no_permission_to_read_what_may_be_listed(s3, strict, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", strict[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", strict[1])
    bucket = Bucket(f"{s3.address}/raw")
    (file,) = bucket.list_files()
    for ask in (bucket.open, bucket.describe):
        with pytest.raises(ConfigError, match=r"no permission for s3://.*/raw/a.csv at"):
            ask(file)


def test_an_endpoint_where_nobody_listens(s3, monkeypatch):
    monkeypatch.setattr("recsys.mirror.bucket.ATTEMPTS", 1)
    error = error_of(f"{s3.address}/raw", endpoint_url=CLOSED)
    assert error.exit_code == 1
    assert str(error) == (
        f"cannot reach the object store at {CLOSED} for {s3.address}/raw: Could not connect to the"
        f' endpoint URL: "{CLOSED}/{s3.bucket}?list-type=2&prefix=raw%2F&encoding-type=url"'
    )


def test_the_endpoint_of_the_environment_is_used(s3, monkeypatch):
    monkeypatch.setattr("recsys.mirror.bucket.ATTEMPTS", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", CLOSED)
    assert CLOSED in str(error_of(f"{s3.address}/raw"))
    s3.put("raw/a.csv", b"x")
    assert len(Bucket(f"{s3.address}/raw", endpoint_url=s3.endpoint).list_files()) == 1


def test_an_endpoint_that_is_none(s3):
    error = error_of(f"{s3.address}/raw", endpoint_url="store:9000")
    assert error.exit_code == 3
    assert "store:9000" in str(error)


@pytest.mark.parametrize(
    ("code", "status", "kind", "exit_code"),
    [
        ("SlowDown", 503, RecsysError, 1),
        ("InternalError", 500, RecsysError, 1),
        ("NoSuchKey", 404, ObjectError, 1),
        ("PreconditionFailed", 412, ObjectError, 1),
        ("AccessDenied", 403, ConfigError, 3),
        ("ExpiredToken", 400, ConfigError, 3),
        ("InvalidObjectState", 403, ConfigError, 3),
    ],
)
def test_answers_of_a_store_that_refuses(code, status, kind, exit_code):
    response = {
        "Error": {"Code": code, "Message": "no\nnot now"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    with pytest.raises(RecsysError) as caught, explained("s3://b/a", "http://store"):
        raise ClientError(response, "GetObject")
    assert type(caught.value) is kind
    assert caught.value.exit_code == exit_code
    assert "s3://b/a" in str(caught.value)
    assert "\n" not in str(caught.value)
