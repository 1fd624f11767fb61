"""Passwords and keys: generated once, kept in one file that only its owner can read."""

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path


def _word() -> str:
    # Without "-" and "_": one double click copies it.
    return secrets.token_hex(16)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True)
class Credentials:
    """Everything secret about one stack. `stack_id` marks its processes, and is no secret."""

    stack_id: str = field(default_factory=_word)
    admin_password: str = field(default_factory=_word)
    fernet_key: str = field(default_factory=_fernet_key)
    api_secret: str = field(default_factory=_word)
    jwt_secret: str = field(default_factory=_word)
    airflow_password: str = field(default_factory=_word)
    recs_owner_password: str = field(default_factory=_word)
    recs_loader_password: str = field(default_factory=_word)
    recs_reader_password: str = field(default_factory=_word)


def load_credentials(file: Path) -> Credentials:
    """Return the credentials in `file`; those it lacks are generated and written to it."""
    kept = json.loads(file.read_text()) if file.is_file() else {}
    known = {f.name: kept[f.name] for f in fields(Credentials) if f.name in kept}
    credentials = Credentials(**known)
    if asdict(credentials) != kept:
        write_private(file, json.dumps(asdict(credentials), indent=2) + "\n")
    return credentials


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read: whole or not at all, never readable between."""
    draft = file.with_name(file.name + ".part")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(text)
    draft.replace(file)
