import json
from dataclasses import asdict
from pathlib import Path

from stack.credentials import load_credentials, write_private


def test_generates_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    credentials = load_credentials(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert load_credentials(file) == credentials
    assert len(set(asdict(credentials).values())) == 9
    assert load_credentials(tmp_path / "others.json").admin_password != credentials.admin_password


def test_adds_what_a_file_of_before_lacks(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps({"admin_password": "kept", "no_longer_known": "x"}))
    credentials = load_credentials(file)
    assert credentials.admin_password == "kept"
    assert json.loads(file.read_text()) == asdict(credentials)


def test_a_private_file_replaces_a_public_one(tmp_path: Path) -> None:
    file = tmp_path / "pgpass"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [file]
