"""What there is to export: a trained run, its base, and that the base is still the one it was trained on."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftdata.errors import FtdataError, ReadError, UsageError
from ftdata.train.runs import RunFolder, base_hash, open_run, own_template, sync_folder

# What a tokenizer and a chat template may consist of (save_pretrained of transformers 5.23.0, read 2026-11-23).
TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
    "chat_template.json", "vocab.json", "merges.txt", "spiece.model", "generation_config.json",
)  # fmt: skip


CARD_NOTE = "\nThe adapter is merged into the base; no adapter has to be loaded.\n\n"


class ExportError(FtdataError):
    """An export that did not prove to be what it should be, or that could not be written: nothing of it is kept."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Source:
    """A trained run: ``base`` is the folder of its base, ``output`` that of the adapter or, where ``adapted`` is false, the model."""

    run: RunFolder
    base: Path
    output: Path
    adapted: bool

    @property
    def model(self) -> Path:
        """The folder with the weights that are not the adapter's: the base, or the model where all weights were trained."""
        return self.base if self.adapted else self.output

    @property
    def tokenizer(self) -> Path:
        """The folder whose tokenizer and chat template belong to the result."""
        return self.output if (self.output / "tokenizer.json").is_file() else self.base

    @property
    def name(self) -> str:
        """A name for people, out of the folder's."""
        return Path(os.path.abspath(self.run.path)).name or "model"


def open_source(path: str | Path, *, base: str | Path | None = None) -> Source:
    """Open a trained run. ``base`` is where its base is now, if it was moved.

    Raises ReadError where there is no trained run or its base is gone, UsageError for a run on a service or another base.
    """
    run = open_run(path)
    adapted, output = _output(run)
    folder = Path(base) if base is not None else Path(str((run.state.get("base") or {}).get("path", "")))
    source = Source(run, folder, output, adapted)
    if adapted:
        check_base(source)
    return source


def _output(run: RunFolder) -> tuple[bool, Path]:
    state = run.state
    if state.get("backend") == "openai":
        raise UsageError(
            f"{run.path}: this model is with a service, its weights are not here", "`ftdata chat` talks to it there."
        )
    if state.get("state") != "trained" or state.get("output") not in ("adapter", "model"):
        raise ReadError(
            f"{run.path}: this run is not trained to its end (state {state.get('state', 'unknown')})",
            "The command that began it goes on: " + str(state.get("command") or "`ftdata train`"),
        )
    output = run.path / str(state["output"])
    needed = "adapter_config.json" if state["output"] == "adapter" else "config.json"
    if not (output / needed).is_file():
        raise ReadError(f"{output}: there is no {needed} in it", "Train the run anew in another folder.")
    return state["output"] == "adapter", output


def check_base(source: Source) -> None:
    """Raise where the base is gone or is another one: an adapter on another base gives no error, only nonsense."""
    if not (source.base / "config.json").is_file():
        raise ReadError(f"{source.base}: the base of this run is not there", "Say where it is now with --base-model FOLDER.")
    wanted = (source.run.state.get("base") or {}).get("hash") or source.run.state["identity"].get("base")
    if wanted is None:
        raise ReadError(f"{source.run.path}: the run does not say the hash of its base", "Train it anew in another folder.")
    if base_hash(source.base) != wanted:
        raise UsageError(
            f"{source.base} is not the model that this run was trained on (other weights or another config.json)",
            "An adapter on another base gives no error, only nonsense. Restore it, or name the right one with --base-model.",
        )


@contextlib.contextmanager
def whole_folder(target: str | Path) -> Iterator[Path]:
    """A folder to write into that takes the name ``target`` when the block ends well, and else disappears.

    Raises UsageError where something stands there already, ExportError where the disk is full.
    """
    target = Path(target)
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise UsageError(f"{target} is there already", "Name a folder that is not there yet with -o.")
    parent = Path(os.path.abspath(target)).parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix=f".{target.name[:40]}.", dir=parent))
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror})", "Check the folder above it.") from None
    try:
        with explained(target):
            yield half
            for path in sorted(half.rglob("*")):
                if path.is_file():
                    with path.open("rb") as file:
                        os.fsync(file.fileno())
            half.chmod(0o777 & ~_umask())
            os.replace(half, target)
        sync_folder(parent)
    finally:
        shutil.rmtree(half, ignore_errors=True)


@contextlib.contextmanager
def explained(target: Path) -> Iterator[None]:
    """What the libraries raise when disk or memory run out, in words."""
    try:
        yield
    except OSError as error:
        # numpy says how much of an array was written, and no number of an error.
        if error.errno in (28, 122, 27) or re.fullmatch(r"\d+ requested and \d+ written", str(error)):
            raise ExportError(f"{target}: the disk is full", "Free some space; nothing was kept.") from None
        raise ExportError(f"{target}: cannot be written ({error.strerror or error})", "Nothing was kept.") from None
    except MemoryError:
        raise ExportError("out of memory", "The weights of the base have to fit into memory once. Nothing was kept.") from None
    except Exception as error:
        text = str(error)
        if "No space left" in text or "file write failed" in text or "os error 28" in text:
            raise ExportError(f"{target}: the disk is full", "Free some space; nothing was kept.") from None
        if "out of memory" in text.lower() or "can't allocate memory" in text.lower():
            raise ExportError("out of memory", "Use --device cpu, or a machine with more memory. Nothing was kept.") from None
        raise


def check_sixteen_bits(source: Source) -> None:
    """Raise UsageError where the base is quantised itself: an adapter is never merged into four bits."""
    if read_json(source.base / "config.json").get("quantization_config"):
        raise UsageError(
            f"{source.base}: the weights of this base are quantised, and rounding to them again would lose the adapter",
            "Train on its 16-bit original (--method qlora loads that in 4 bits); this one can be used with its adapter: `ftdata chat`.",
        )


def need_space(target: str | Path, size: int) -> None:
    """Raise ExportError where the disk has less than ``size`` bytes left: better now than after an hour."""
    folder = Path(os.path.abspath(target))
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < size:
        raise ExportError(
            f"{target}: the disk has {free / 1e6:,.1f} MB left, this takes {size / 1e6:,.1f}",
            "Free some space or choose another folder.",
        )


def weights_size(folder: Path) -> int:
    """Bytes of the weights in a model folder."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def copy_tokenizer(source: Source, target: Path) -> list[str]:
    """Copy tokenizer, chat template and generation settings, those of the run before those of the base. Returns the names."""
    copied = []
    for name in TOKENIZER_FILES:
        for folder in (source.tokenizer, source.base):
            if (folder / name).is_file():
                shutil.copyfile(folder / name, target / name)
                copied.append(name)
                break
    extra = source.base / "additional_chat_templates"
    if extra.is_dir() and own_template(source.run) is None:
        shutil.copytree(extra, target / extra.name, dirs_exist_ok=True)
    return copied


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file. Raises ReadError."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ReadError(f"{path}: cannot be read ({error})", "Restore the file.") from None
    if not isinstance(value, dict):
        raise ReadError(f"{path}: is no JSON object", "Restore the file.")
    return value


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
