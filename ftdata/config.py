"""Find and check ``ftdata.toml`` or ``[tool.ftdata]``. The closest file wins; ``extend`` inherits on purpose."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ftdata.errors import ConfigError, suggest


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration as read. ``data`` is checked; ``origin`` names the file, ``folder`` is where it stands."""

    data: dict[str, Any] = field(default_factory=dict)
    origin: str = "no configuration"
    folder: Path = field(default_factory=Path)


def find_config(start: Path) -> Path | None:
    """Return the closest ``ftdata.toml``, ``.ftdata.toml`` or ``pyproject.toml`` with ``[tool.ftdata]``."""
    for folder in (start, *start.parents):
        for name in ("ftdata.toml", ".ftdata.toml"):
            if (folder / name).is_file():
                return folder / name
        project = folder / "pyproject.toml"
        if project.is_file() and b"[tool.ftdata" in _read_bytes(project):
            return project
    return None


def load_config(path: Path, seen: tuple[Path, ...] = ()) -> Config:
    """Read one configuration and what it extends. Raises ConfigError with file, field and suggestion."""
    if not path.is_file():
        raise ConfigError(f"{path}: no such configuration file", "Check --config.")
    if path.resolve() in seen:
        raise ConfigError(f"{path}: extends itself", "Remove one of the 'extend'.")
    try:
        data = tomllib.loads(_read_bytes(path).decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: not valid TOML ({error})", "Mend the file at that place.") from None
    if path.name == "pyproject.toml":
        data = (data.get("tool") or {}).get("ftdata") or {}
    checked = _check(data, path)
    parent = checked.pop("extend", None)
    if parent:
        inherited = load_config(path.parent / parent, (*seen, path.resolve())).data
        rules = {**inherited.get("rules", {}), **checked.get("rules", {})}
        checked = {**inherited, **checked}
        if rules:
            checked["rules"] = rules
    return Config(checked, str(path), path.parent)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})", "Check its permissions.") from None


def _check(data: dict[str, Any], path: Path) -> dict[str, Any]:
    from pydantic import BaseModel, ConfigDict, Field, ValidationError

    class File(BaseModel):
        """The fields of a configuration file."""

        model_config = ConfigDict(extra="forbid", populate_by_name=True, strict=True)
        extend: str | None = None
        target: str | list[str] | None = None
        goal: str | None = None
        select: list[str] | None = None
        extend_select: list[str] | None = Field(None, alias="extend-select")
        ignore: list[str] | None = None
        plugins: list[str] | None = None
        rules: dict[str, Any] | None = None
        custom: list[dict[str, Any]] | None = None
        eval: list[str] | None = None
        tokenizer: str | None = None
        fail_on: Literal["error", "warning", "info", "never"] | None = Field(None, alias="fail-on")
        output_format: str | None = Field(None, alias="output-format")
        train: dict[str, Any] | None = None
        baseline: str | None = None
        suppress: list[dict[str, Any]] | None = None

    try:
        checked = File.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        known = [name.replace("_", "-") for name in File.model_fields]
        if first["type"] == "extra_forbidden":
            raise ConfigError(f"{path}: unknown field '{where}'.{suggest(where, known)}", f"Known: {', '.join(known)}.") from None
        raise ConfigError(f"{path}: {where}: {first['msg']}") from None
    return {k: v for k, v in checked.model_dump(by_alias=True).items() if v is not None}
