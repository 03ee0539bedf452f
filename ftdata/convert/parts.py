"""Pieces of a message between the ways of writing them: OpenAI's parts, blocks of other vendors, placeholders in text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ftdata.convert.loss import Loss
from ftdata.formats.chat import address
from ftdata.types import ABSENT, Malformed, Message, Part

_OPENAI = frozenset("text image_url input_audio video_url audio_url file refusal input_text output_text input_image".split())
_DATA = re.compile(r"data:([^;,]*);base64,(.*)", re.S)
_COLUMNS = {"image": "images", "video": "videos", "audio": "audios"}
_MARK = re.compile("(<image>|<video>|<audio>)")
_MIME = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif",
    "mp4": "video/mp4", "mov": "video/quicktime", "webm": "video/webm", "mp3": "audio/mpeg", "wav": "audio/wav",
    "flac": "audio/flac", "ogg": "audio/ogg", "pdf": "application/pdf", "txt": "text/plain",
}  # fmt: skip


class CannotHold(Exception):
    """The format cannot express the sample at all."""

    def __init__(self, reason: str, where: str = "", field: str = "", value: Any = None) -> None:
        super().__init__(reason)
        self.loss = Loss(field, where, reason, value, kind="refused")


def raw_content(content: Any) -> Any:
    """Content as it stood in the file; ``ABSENT`` where there was none."""
    if isinstance(content, list):
        return [part.raw for part in content]
    return content.value if isinstance(content, Malformed) else content


def openai_content(content: Any) -> Any:
    """Content as OpenAI writes it. What is in OpenAI's shape already, or in none that is known, stays as found."""
    if isinstance(content, list):
        return [openai_part(part) for part in content]
    return content.value if isinstance(content, Malformed) else content


def openai_part(part: Part) -> Any:
    """One part as OpenAI writes it."""
    raw = part.raw
    kind = raw.get("type") if isinstance(raw, dict) else None
    if (
        isinstance(kind, str)
        and kind in _OPENAI
        and "value" not in raw
        and (part.type != "image" or isinstance(raw.get("image_url"), str | dict))
    ):
        return raw
    if part.type == "text" and part.text is not None:
        more = {key: value for key, value in raw.items() if key not in ("type", "text", "value")} if isinstance(raw, dict) else {}
        return {"type": "text", "text": part.text, **more}
    if part.url is None:
        return raw
    if part.type == "image":
        return {"type": "image_url", "image_url": {"url": part.url}}
    if part.type == "video":
        return {"type": "video_url", "video_url": {"url": part.url}}
    match = _DATA.fullmatch(part.url)
    if part.type == "audio":
        if match:
            return {"type": "input_audio", "input_audio": {"data": match[2], "format": match[1].removeprefix("audio/")}}
        return {"type": "audio_url", "audio_url": {"url": part.url}}
    return {"type": "file", "file": {"file_data" if match else "file_id": part.url}} if part.type == "file" else raw


def plain(content: Any) -> Any:
    """Content for a format of texts: texts of parts joined by newlines as trainers join them, media left out."""
    if isinstance(content, list):
        texts = [part.text for part in content if part.type == "text" and part.text is not None]
        return "\n".join(texts) if texts else "" if content else ABSENT
    return content.value if isinstance(content, Malformed) else content


def _mime(part: Part) -> str:
    raw = part.raw if isinstance(part.raw, dict) else {}
    given = next((raw[key].get("mimeType") for key in ("fileData", "inlineData") if isinstance(raw.get(key), dict)), None)
    if isinstance(given, str):
        return given
    ending = (part.url or "").partition("?")[0].rpartition(".")[2].lower()
    return _MIME.get(ending, f"{part.type}/*")


def anthropic_part(part: Part) -> Any:
    """One part as an Anthropic block; ``None`` for what has none (audio, video)."""
    raw = part.raw
    if part.type == "text" and part.text is not None:
        return {"type": "text", "text": part.text}
    if part.type not in ("image", "file") or part.url is None:
        return None
    if isinstance(raw, dict) and isinstance(raw.get("source"), dict):
        return raw
    match = _DATA.fullmatch(part.url)
    source = {"type": "url", "url": part.url}
    if match:
        source = {"type": "base64", "media_type": match[1], "data": match[2]}
    elif part.type == "file":
        source = {"type": "file", "file_id": part.url}
    return {"type": "image" if part.type == "image" else "document", "source": source}


def bedrock_part(part: Part) -> Any:
    """One part as a Converse block, which has no type; ``None`` for media that are neither in S3 nor in the row."""
    raw = part.raw
    if part.type == "text" and part.text is not None:
        return {"text": part.text}
    kind = "document" if part.type == "file" else part.type
    if kind not in ("image", "video", "document") or part.url is None:
        return None
    if isinstance(raw, dict) and "type" not in raw and isinstance(raw.get(kind), dict):
        return raw
    match = _DATA.fullmatch(part.url)
    if match:
        return {kind: {"format": match[1].rpartition("/")[2], "source": {"bytes": match[2]}}}
    if not part.url.startswith("s3://"):
        return None
    ending = part.url.rpartition(".")[2].lower()
    return {kind: {"format": {"jpg": "jpeg"}.get(ending, ending), "source": {"s3Location": {"uri": part.url}}}}


def gemini_part(part: Part) -> Any:
    """One part as Gemini writes it; ``None`` for what has none."""
    raw = part.raw
    if part.type == "text" and part.text is not None:
        return {"text": part.text}
    if part.url is None or part.type not in ("image", "audio", "video", "file"):
        return None
    if isinstance(raw, dict) and ("fileData" in raw or "inlineData" in raw):
        return raw
    match = _DATA.fullmatch(part.url)
    if match:
        return {"inlineData": {"mimeType": match[1], "data": match[2]}}
    return {"fileData": {"mimeType": _mime(part), "fileUri": part.url}}


def llamafactory_part(part: Part) -> Any:
    """One part as LLaMA-Factory v1 writes it: {type, value}; ``None`` for what has none."""
    if part.type == "text" and part.text is not None:
        return {"type": "text", "value": part.text}
    if part.type in _COLUMNS and part.url is not None:
        return {"type": f"{part.type}_url", "value": part.url}
    return None


def lower(turns: Sequence[Message]) -> tuple[dict[int, Any], dict[str, list[Any]]]:
    """Media as columns of paths, with placeholders in the texts. Returns the texts by turn, and the columns.

    Raises CannotHold where a text holds a placeholder of its own: trainers count them.
    """
    texts: dict[int, Any] = {}
    columns: dict[str, list[Any]] = {}
    for index, message in enumerate(turns):
        if not isinstance(message.content, list):
            texts[index] = raw_content(message.content)
            continue
        pieces = []
        for part in message.content:
            if part.type in _COLUMNS and part.url is not None:
                columns.setdefault(_COLUMNS[part.type], []).append(part.url)
                pieces.append(f"<{part.type}>")
            elif part.type == "text" and part.text is not None:
                pieces.append(part.text)
        texts[index] = "".join(pieces) if pieces or not message.content else ""
    marks = [mark for text in texts.values() if isinstance(text, str) for mark in _MARK.findall(text)]
    if columns and any(marks.count(f"<{kind}>") != len(columns.get(column, ())) for kind, column in _COLUMNS.items()):
        raise CannotHold("a text holds a media placeholder of its own, and trainers count placeholders")
    return texts, columns


def lift_media(turns: Sequence[Message], media: dict[str, list[Any]]) -> bool:
    """Put the media of columns where their placeholders stand. Returns whether every one found its place."""
    columns = {kind: list(media.get(column, ())) for kind, column in _COLUMNS.items()}
    columns["image"] = columns["image"] or list(media.get("image", ()))
    addresses = {kind: [address(item) or _path(item) for item in items] for kind, items in columns.items()}
    if any(item is None for items in addresses.values() for item in items):
        return False
    texts = [message.content for message in turns if isinstance(message.content, str)]
    found = [mark for text in texts for mark in _MARK.findall(text)]
    if not found or any(found.count(f"<{kind}>") != len(items) for kind, items in columns.items()):
        return False
    for message in turns:
        if isinstance(message.content, str) and _MARK.search(message.content):
            pieces = [piece for piece in _MARK.split(message.content) if piece]
            message.content = [
                _taken(piece[1:-1], addresses[piece[1:-1]].pop(0)) if _MARK.fullmatch(piece) else _said(piece) for piece in pieces
            ]
    return True


def _path(item: Any) -> str | None:
    path = item.get("path") if isinstance(item, dict) else None
    return path if isinstance(path, str) else None


def _said(text: str) -> Part:
    return Part("text", text, None, {"type": "text", "text": text})


def _taken(kind: str, url: str | None) -> Part:
    return Part(kind, None, url)
