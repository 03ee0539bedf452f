"""Read a model folder: its chat template, tokenizer, special tokens and context. JSON and text only; nothing is run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from ftdata.errors import FtdataError

_LARGEST_JSON = 512 << 20
_LARGEST_TEMPLATE = 8 << 20
_LONGEST_CONTEXT = 1 << 31  # transformers writes 1e30 where it knows none
_NAMED = ("bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token")
_TELLING = (
    "config.json", "tokenizer_config.json", "tokenizer.json", "chat_template.jinja", "chat_template.json",
    "special_tokens_map.json", "generation_config.json",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """What a model folder says about conversations.

    ``chat_template`` is the one used without tools; ``templates`` all of them by name (``default``, ``tool_use``, ...)
    and ``template_file`` where they stood. ``max_length`` is in tokens, ``max_length_source`` says whose number it is.
    ``special`` maps ``bos_token``, ``eos_token``, ``pad_token`` and the like to their texts. ``special_tokens`` are the
    texts that the tokenizer turns into a control token wherever they stand. ``stop_tokens`` are the texts of the
    tokens that end a generation. ``adds_bos`` and ``adds_eos`` say whether the tokenizer adds them by itself;
    ``None`` where the folder does not tell. ``notes`` are oddities of the folder, in words.
    """

    path: Path
    chat_template: str | None = None
    tokenizer_file: Path | None = None
    max_length: int | None = None
    special: Mapping[str, str] = field(default_factory=dict)
    model_type: str | None = None
    templates: Mapping[str, str] = field(default_factory=dict)
    template_file: str | None = None
    max_length_source: str | None = None
    special_tokens: tuple[str, ...] = ()
    stop_tokens: tuple[str, ...] = ()
    adds_bos: bool | None = None
    adds_eos: bool | None = None
    notes: tuple[str, ...] = ()

    @property
    def variables(self) -> dict[str, Any]:
        """What transformers passes to a template beside the conversation: the special tokens by name."""
        return dict(self.special)


def read_model_folder(path: str | Path) -> ModelFolder:
    """Return what a model folder says. Raises FtdataError where it is none, or where a file of it is broken."""
    folder = Path(path).expanduser()
    _check(folder)
    config = _read_mapping(folder / "config.json")
    tokens = _read_mapping(folder / "tokenizer_config.json")
    named = _read_mapping(folder / "special_tokens_map.json")
    generation = _read_mapping(folder / "generation_config.json")
    tokenizer = _read_mapping(folder / "tokenizer.json")
    templates, template_file, notes = _templates(folder, tokens)
    special = _special(tokens, named)
    added = dict(_added(tokenizer, tokens))
    stops = _stops(generation, config, special, added)
    length, source = _length(tokens, config)
    model_type = config.get("model_type")
    return ModelFolder(
        path=folder,
        chat_template=templates.get("default") or next(iter(templates.values()), None),
        tokenizer_file=folder / "tokenizer.json" if tokenizer else None,
        max_length=length,
        special=special,
        model_type=model_type if isinstance(model_type, str) else None,
        templates=templates,
        template_file=template_file,
        max_length_source=source,
        special_tokens=tuple(sorted({text for text, is_special in added.values() if is_special} | set(special.values()))),
        stop_tokens=stops,
        adds_bos=_adds("bos", tokenizer, tokens, special),
        adds_eos=_adds("eos", tokenizer, tokens, special),
        notes=tuple(notes),
    )


# --- Files ----------------------------------------------------------------------------------------


def _check(folder: Path) -> None:
    if not folder.is_dir():
        problem = "is a file, not a folder" if folder.is_file() else "is no folder"
        raise FtdataError(f"{folder} {problem}", "Name the folder that save_pretrained() wrote, or a downloaded model.")
    if any((folder / name).is_file() for name in _TELLING):
        return
    snapshots = sorted(entry.name for entry in folder.glob("snapshots/*") if entry.is_dir())
    if snapshots:
        raise FtdataError(f"{folder} is a hub cache, not a model folder", f"Name {folder / 'snapshots' / snapshots[-1]}.")
    if any(folder.glob("*.gguf")):
        raise FtdataError(f"{folder} holds GGUF files only", "Name the folder of the model they were made from.")
    raise FtdataError(
        f"{folder} holds no tokenizer_config.json, tokenizer.json, config.json or chat_template.jinja",
        "Save the model's tokenizer there: AutoTokenizer.from_pretrained(...).save_pretrained(folder).",
    )


def _read(path: Path, largest: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FtdataError(f"{path}: cannot be read ({error.strerror})", "Check the file and its permissions.") from None
    if len(data) > largest:
        raise FtdataError(f"{path}: larger than {largest >> 20:,} MiB, which no such file is", "Download it again.")
    return data.removeprefix(b"\xef\xbb\xbf")


def _read_mapping(path: Path) -> dict[str, Any]:
    data = _read(path, _LARGEST_JSON)
    if data is None:
        return {}
    if data.startswith(b"version https://git-lfs"):
        raise FtdataError(f"{path}: a Git LFS pointer, not the file itself", "Fetch it: git lfs pull.")
    try:
        value = orjson.loads(data)
    except ValueError as error:
        raise FtdataError(f"{path}: not JSON ({error})", "Download the file again, or save the tokenizer anew.") from None
    if not isinstance(value, dict):
        raise FtdataError(f"{path}: not a JSON object", "Download the file again, or save the tokenizer anew.")
    return value


def _read_template(path: Path) -> str | None:
    data = _read(path, _LARGEST_TEMPLATE)
    if data is None:
        return None
    try:
        # Python's open() in text mode, which transformers reads it with, makes every line break a \n.
        return re.sub("\r\n?", "\n", data.decode())
    except UnicodeDecodeError:
        raise FtdataError(f"{path}: not UTF-8 text", "Save the template as UTF-8.") from None


# --- Templates ------------------------------------------------------------------------------------


def _templates(folder: Path, tokens: Mapping[str, Any]) -> tuple[dict[str, str], str | None, list[str]]:
    """Return the templates by name, the file they stood in, and what is odd about them.

    A file goes before the entry in tokenizer_config.json (``tokenization_utils_base.py`` of transformers 5.23.0, read
    2026-11-23); chat_template.json is the older place of processors.
    """
    found: list[tuple[str, dict[str, str]]] = []
    files = {}
    main = _read_template(folder / "chat_template.jinja")
    if main is not None:
        files["default"] = main
    for path in sorted((folder / "additional_chat_templates").glob("*.jinja"))[:100]:
        text = _read_template(path)
        if text is not None:
            files[path.stem] = text
    if files:
        found.append(("chat_template.jinja", files))
    for name, value in (
        ("tokenizer_config.json", tokens.get("chat_template")),
        ("chat_template.json", _read_mapping(folder / "chat_template.json").get("chat_template")),
    ):
        named = _named(value)
        if named:
            found.append((name, named))
    if not found:
        return {}, None, []
    source, templates = found[0]
    notes = [f"{source} and {other} hold different chat templates; the first is used" for other, texts in found[1:]
             if texts.get("default") != templates.get("default")]  # fmt: skip
    if "default" not in templates:
        notes.append(f"no chat template is named default; {next(iter(templates))} is used")
    return templates, source, notes


def _named(value: Any) -> dict[str, str]:
    """Return templates by name: of one text, a list of {name, template}, or a mapping."""
    if isinstance(value, str):
        return {"default": value}
    if isinstance(value, list):
        pairs = [(entry.get("name"), entry.get("template")) for entry in value if isinstance(entry, dict)]
    elif isinstance(value, dict):
        pairs = list(value.items())
    else:
        return {}
    return {name: text for name, text in pairs if isinstance(name, str) and isinstance(text, str)}


# --- Tokens ---------------------------------------------------------------------------------------


def _text(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) and value else None


def _special(tokens: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, str]:
    special = {}
    for name in _NAMED:
        text = _text(tokens.get(name)) or _text(named.get(name))
        if text is not None:
            special[name] = text
    return special


def _added(tokenizer: Mapping[str, Any], tokens: Mapping[str, Any]) -> Iterator[tuple[int, tuple[str, bool]]]:
    """Yield the id of each added token with its text and whether it is special."""
    decoder = tokens.get("added_tokens_decoder")
    for key, entry in (decoder if isinstance(decoder, dict) else {}).items():
        text = _text(entry) if isinstance(entry, dict) else None
        if text is not None and key.isascii() and key.isdecimal() and len(key) < 12:
            yield int(key), (text, entry.get("special") is True)
    entries = tokenizer.get("added_tokens")
    for entry in entries if isinstance(entries, list) else ():
        text = _text(entry) if isinstance(entry, dict) else None
        if text is not None and isinstance(entry.get("id"), int):
            yield entry["id"], (text, entry.get("special") is True)


def _stops(
    generation: Mapping[str, Any], config: Mapping[str, Any], special: Mapping[str, str], added: Mapping[int, tuple[str, bool]]
) -> tuple[str, ...]:
    ids = generation.get("eos_token_id", config.get("eos_token_id"))
    texts = [
        added[number][0] for number in (ids if isinstance(ids, list) else [ids]) if isinstance(number, int) and number in added
    ]
    if "eos_token" in special:
        texts.append(special["eos_token"])
    return tuple(dict.fromkeys(texts))


def _adds(which: str, tokenizer: Mapping[str, Any], tokens: Mapping[str, Any], special: Mapping[str, str]) -> bool | None:
    """Return whether the tokenizer puts its own bos or eos around a text.

    A flag in tokenizer_config.json rebuilds the post-processor of tokenizer.json (``tokenization_utils_tokenizers.py``
    of transformers 5.23.0, read 2026-11-23).
    """
    token = special.get(f"{which}_token")
    if token is None:
        return False
    flag = tokens.get(f"add_{which}_token")
    if isinstance(flag, bool):
        return flag
    if not tokenizer:
        return None
    edge = 0 if which == "bos" else -1
    return any(sequence and sequence[edge] == token for sequence in _sequences(tokenizer.get("post_processor")))


def _sequences(processor: Any, depth: int = 0) -> Iterator[list[str | None]]:
    """Yield for each part of a post-processor the tokens it puts around a text, ``None`` standing for the text."""
    if not isinstance(processor, dict) or depth > 8:
        return
    kind = processor.get("type")
    if kind == "Sequence":
        parts = processor.get("processors")
        for part in parts if isinstance(parts, list) else ():
            yield from _sequences(part, depth + 1)
    elif kind == "TemplateProcessing":
        single = processor.get("single")
        pieces = [piece for piece in single if isinstance(piece, dict)] if isinstance(single, list) else []
        tokens = [piece.get("SpecialToken") for piece in pieces]
        yield [token.get("id") if isinstance(token, dict) else None for token in tokens]
    elif kind in ("BertProcessing", "RobertaProcessing"):
        edges = [processor.get("cls"), processor.get("sep")]
        yield [edge[0] if isinstance(edge, list) and edge else None for edge in edges]


# --- Context --------------------------------------------------------------------------------------


def _length(tokens: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[int | None, str | None]:
    """Return the smaller of the tokenizer's and the model's context, in tokens, and whose it is."""
    text = config.get("text_config")
    known = [("model_max_length of tokenizer_config.json", _tokens(tokens.get("model_max_length")))]
    for part in (config, text if isinstance(text, dict) else {}):
        for name in ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length"):
            known.append((f"{name} of config.json", _stretched(_tokens(part.get(name)), part)))
    sane = [(length, source) for source, length in known if length is not None]
    return min(sane, default=(None, None), key=lambda pair: pair[0])


def _tokens(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LONGEST_CONTEXT:
        return None
    return int(value)


def _stretched(length: int | None, config: Mapping[str, Any]) -> int | None:
    """Return the context with YaRN, which Qwen's cards add to a config without changing its other numbers."""
    scaling = config.get("rope_scaling") or config.get("rope_parameters")
    if length is None or not isinstance(scaling, dict) or scaling.get("rope_type", scaling.get("type")) != "yarn":
        return length
    factor = scaling.get("factor")
    if scaling.get("original_max_position_embeddings") != length or not isinstance(factor, int | float) or not 1 <= factor < 1000:
        return length
    return int(length * factor)
