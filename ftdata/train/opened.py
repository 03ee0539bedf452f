"""What a masker is opened with: a model folder, or parts of one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ftdata.errors import FtdataError
from ftdata.template import ModelFolder, read_model_folder


def opened(
    model: ModelFolder | str | Path, template: str | Path | None, tokenizer: str | Path | None
) -> tuple[ModelFolder, str | None]:
    """The folder with what takes the place of its parts, and the text of the template that takes the place of its own."""
    own = None if tokenizer is None else _tokenizer_folder(Path(tokenizer).expanduser())
    if isinstance(model, ModelFolder):
        folder = model
    elif Path(model).expanduser().is_file():
        if own is None:
            raise FtdataError(f"{model}: a template alone makes no tokens", "Name a tokenizer.json beside it, or a model folder.")
        return own, _template(Path(model).expanduser()) if template is None else _template(template)
    else:
        folder = read_model_folder(model)
    if own is not None:
        folder = replace(
            folder, tokenizer_file=own.tokenizer_file, special=own.special or folder.special, special_tokens=own.special_tokens,
            stop_tokens=own.stop_tokens or folder.stop_tokens, adds_bos=own.adds_bos, adds_eos=own.adds_eos,
        )  # fmt: skip
    return folder, _template(template)


def _tokenizer_folder(path: Path) -> ModelFolder:
    if path.is_file() and path.name != "tokenizer.json":
        return ModelFolder(path.parent, tokenizer_file=path)
    return read_model_folder(path.parent if path.is_file() else path)


def _template(template: str | Path | None) -> str | None:
    if template is None:
        return None
    if isinstance(template, Path) or (len(template) < 1000 and "\n" not in template and "{" not in template):
        try:
            return Path(template).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise FtdataError(f"{template}: cannot be read as a template ({error})", "Name a Jinja file in UTF-8.") from None
    return template
