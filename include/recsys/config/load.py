"""Reading the configuration: conf/base.yaml < conf/<env>.yaml < environment < flags."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from recsys.config.settings import Config
from recsys.errors import ConfigError

REPOSITORY = Path(__file__).resolve().parents[3]


def load_config(
    env: str | None = None, overrides: Iterable[str] = (), *, folder: Path | None = None
) -> Config:
    """Return the configuration of `env` (default: RECSYS_ENV, else base) with flags applied.

    Args:
        env: names `conf/<env>.yaml`, read over `conf/base.yaml`.
        overrides: `dotted.key=value` pairs; values are YAML.
        folder: where the files are; default RECSYS_CONF, else the repository's `conf/`.

    Raises:
        ConfigError: naming every unknown key and every bad value at once.
    """
    folder = folder or Path(os.environ.get("RECSYS_CONF", REPOSITORY / "conf"))
    env = env or os.environ.get("RECSYS_ENV", "base")
    settings: dict[str, Any] = {}
    for name in dict.fromkeys(["base", env]):
        _merge(settings, _read(folder / f"{name}.yaml"))
    settings["env"] = env
    for variable, key in (
        ("RECSYS_DATA", "data"),
        ("RECSYS_STATE", "state"),
        ("RECSYS_LAKE", "lake"),
    ):
        if os.environ.get(variable):
            settings[key] = os.environ[variable]
    for override in overrides:
        _merge(settings, _parse_override(override))
    try:
        return Config.model_validate(settings)
    except ValidationError as error:
        raise ConfigError("; ".join(_explain(error))) from error


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml"))) or "none"
        raise ConfigError(f"no configuration {path}: must be one of {known}")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    return content or {}


def _parse_override(override: str) -> dict[str, Any]:
    key, sign, text = override.partition("=")
    if not sign or not key:
        raise ConfigError(f"a setting must read dotted.key=value. Got {override!r}")
    try:
        value: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{override!r} is not YAML: {' '.join(str(error).split())}") from error
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def _merge(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    for key, value in source.items():
        if isinstance(value, Mapping) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = dict(value) if isinstance(value, Mapping) else value


def _explain(error: ValidationError) -> list[str]:
    return [
        f"setting {'.'.join(map(str, fault['loc'])) or 'configuration'}: {fault['msg']}"
        + (f" (got {fault['input']!r})" if fault["type"] != "value_error" else "")
        for fault in error.errors()
    ]
