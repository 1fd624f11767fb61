"""What can go wrong with an object store, each as one sentence."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    SSLError,
)

from recsys.errors import ConfigError, RecsysError

#: Codes of a store that does not know who asks, or does not let them.
REFUSED = {
    "403", "AccessDenied", "AllAccessDisabled", "ExpiredToken", "InvalidAccessKeyId",
    "InvalidToken", "RequestTimeTooSkewed", "SignatureDoesNotMatch",
}  # fmt: skip
#: Codes that come where the object that was listed is not there any more.
CHANGED = {"404", "412", "416", "InvalidRange", "NoSuchKey", "PreconditionFailed"}
#: Codes of a store that is busy; those of 500 and above are taken for the same.
BUSY = {"SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "TooManyRequests"}


class ObjectError(RecsysError):
    """One object could not be brought this time; the others still can."""


def endpoint_url() -> str | None:
    """Return where the store is by the environment, as boto3 reads it; None for Amazon's."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


@contextmanager
def explained_store(*addresses: str) -> Iterator[None]:
    """Turn what s3fs raises in a block that uses `addresses` into the errors of `explained`.

    s3fs hides boto3's errors behind those of the operating system, which do not say what is wrong.
    """
    remote = " or ".join(address for address in addresses if "://" in address)
    with explained(remote, endpoint_url() or "Amazon S3"):
        try:
            yield
        except OSError as error:
            if isinstance(error.__cause__, ClientError):
                raise error.__cause__ from error
            raise


@contextmanager
def explained(address: str, endpoint: str) -> Iterator[None]:
    """Turn what boto3 raises about `address` into one of the platform's errors.

    Raises:
        ConfigError: no credentials, no permission, no bucket, or a request the store refuses.
        ObjectError: the object is not the one that was listed.
        RecsysError: the store cannot be reached or is busy: worth another try.
    """
    try:
        yield
    except ClientError as error:
        raise _explain(error, address, endpoint) from error
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
        raise ConfigError(
            f"no usable credentials for {address}: set AWS_ACCESS_KEY_ID and"
            f" AWS_SECRET_ACCESS_KEY, or AWS_PROFILE ({_one_line(error)})"
        ) from error
    except SSLError as error:
        raise ConfigError(
            f"the certificate of {endpoint} is not trusted: name its authority in AWS_CA_BUNDLE"
            f" ({_one_line(error)})"
        ) from error
    except (ConnectionError, HTTPClientError, IncompleteReadError) as error:
        raise RecsysError(
            f"cannot reach the object store at {endpoint} for {address}: {_one_line(error)}"
        ) from error
    except BotoCoreError as error:
        raise ConfigError(f"cannot ask for {address}: {_one_line(error)}") from error


def _explain(error: ClientError, address: str, endpoint: str) -> RecsysError:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "NoSuchBucket":
        return ConfigError(f"no bucket for {address} at {endpoint}: check its name")
    if code in REFUSED:
        return ConfigError(
            f"no permission for {address} at {endpoint} ({code}): check the credentials, which"
            " must allow listing the bucket and reading its objects, and a lake's writing them"
        )
    if code in CHANGED:
        return ObjectError(f"{address} changed while it was read: run again")
    message = f"the object store at {endpoint} refused {address}: {_one_line(error)}"
    is_busy = code in BUSY or status >= 500
    return RecsysError(message) if is_busy else ConfigError(message)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
