"""A run has a folder, and ``run.json`` in it says what it is and how far it got: whatever is killed can be gone on with.

The identity of a run are the hashes of all that decides its outcome: data, base, settings. The same command meets the same
identity and goes on; another one is refused, for a model half trained on something else is worth nothing and looks whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ftdata import __version__
from ftdata.errors import ReadError, UsageError
from ftdata.write import write_atomically

FILE, TEMPLATE = "run.json", "chat_template.jinja"
VERSION = 1


class RunFolder:
    """One run on disk. ``state`` is what ``run.json`` holds; ``update`` changes it, atomically and at once."""

    def __init__(self, path: str | Path, state: dict[str, Any]) -> None:
        self.path = Path(path)
        self.state = state

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def update(self, **values: Any) -> None:
        """Set fields of the state and write it. ``None`` takes a field out."""
        self.state.update(values)
        for name in [name for name, value in self.state.items() if value is None]:
            del self.state[name]
        text = json.dumps(self.state, indent=1, ensure_ascii=False, sort_keys=True)
        write_atomically(self.path / FILE, [text.encode(), b"\n"])

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out. Raises UsageError where one is at work in the folder."""
        import fcntl

        with (self.path / ".lock").open("a+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UsageError(
                    f"{self.path}: another process is at work in this run", "Wait for it, or stop it first."
                ) from None
            yield


def open_run(path: str | Path) -> RunFolder:
    """Open the folder of a run. Raises ReadError where it holds none, or a damaged one."""
    folder = Path(path)
    try:
        state = json.loads((folder / FILE).read_text("utf-8"))
    except FileNotFoundError:
        raise ReadError(
            f"{folder}: there is no run in this folder ({FILE} is missing)", "Name the folder that `ftdata train` wrote."
        ) from None
    except (OSError, ValueError) as error:
        raise ReadError(f"{folder / FILE}: cannot be read ({error})", "Restore it, or start anew in another folder.") from None
    if not isinstance(state, dict) or not isinstance(state.get("identity"), dict) or not isinstance(state.get("format", 0), int):
        raise ReadError(f"{folder / FILE}: is no run", "Name the folder that `ftdata train` wrote.")
    if state.get("format", 0) > VERSION:
        raise ReadError(f"{folder / FILE}: written by a newer version of ftdata ({state.get('ftdata')})", "Upgrade ftdata.")
    return RunFolder(folder, state)


def start_run(path: str | Path, identity: Mapping[str, str], **fields: Any) -> tuple[RunFolder, bool]:
    """Make the folder of a run, or open the one that is there. Returns the run, and whether it goes on.

    Raises UsageError where the folder holds something else, or a run of another identity: it names what differs.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        inside = [entry.name for entry in folder.iterdir() if entry.name != ".lock"]
    except OSError as error:
        raise UsageError(f"{folder}: cannot be used ({error.strerror})", "Choose another folder.") from None
    if FILE in inside:
        run = open_run(folder)
        other = [name for name, value in identity.items() if run.state["identity"].get(name) != value]
        if other:
            raise UsageError(
                f"{folder} holds a run with other {' and other '.join(other)}: it is not gone on with",
                "Choose another folder with -o, or give the run what it began with.",
            )
        return run, True
    if inside:
        raise UsageError(f"{folder} holds something else ({', '.join(sorted(inside)[:3])})", "Choose an empty folder.")
    run = RunFolder(folder, {"format": VERSION, "ftdata": __version__, "identity": dict(identity)})
    run.update(**fields)
    return run, False


def save_template(run: RunFolder, text: str) -> None:
    """Keep the chat template that the run is trained with instead of the model's."""
    write_atomically(run / TEMPLATE, [text.encode()])


def own_template(run: RunFolder) -> Path | None:
    """The file of the chat template that the run is trained with instead of the model's. Raises ReadError where it is gone."""
    if not (run.state.get("inputs") or {}).get("template"):
        return None
    if not (run / TEMPLATE).is_file():
        raise ReadError(f"{run / TEMPLATE}: the chat template of this run is gone", "Put the file of its --template there.")
    return run / TEMPLATE


def hash_of(value: Any) -> str:
    """The hash of a value as canonical JSON, 32 hex digits."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def hash_files(paths: list[Path]) -> str:
    """The hash of files by their names and contents, 32 hex digits. Raises ReadError."""
    total = hashlib.blake2b(digest_size=16)
    for path in sorted(paths, key=lambda path: path.name):
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ReadError(f"{path}: cannot be read ({error.strerror})", "Check the folder of the model.") from None
        total.update(f"{path.name}\0{digest}\n".encode())
    return total.hexdigest()


def base_hash(folder: str | Path) -> str:
    """The hash of a model's weights and configuration: an adapter on another base of the same shape gives no error, only nonsense."""
    root = Path(folder)
    files = [*sorted(root.glob("*.safetensors")), root / "config.json"]
    return hash_files([path for path in files if path.exists()])


def sync_folder(path: Path) -> None:
    """Make renames in a folder last through a power cut, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
