"""A Modelfile for Ollama: the GGUF, its adapter, the stop tokens, and a template only where it is known to say the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ftdata.template import ModelFolder, Renderer
from ftdata.train.export.go_template import Derived, derive

if TYPE_CHECKING:
    from ftdata.train.export.gguf.vocabulary import Vocabulary

MODELFILE = "Modelfile"


def write_modelfile(folder: Path, model: ModelFolder, *, adapter: bool, vocabulary: Vocabulary) -> list[str]:
    """Write the Modelfile beside the GGUF files. Returns what is worth knowing about it.

    A system prompt is never invented, and the adapter is always a GGUF.
    """
    derived = _derived(model)
    lines = ["# ollama create NAME -f Modelfile", "FROM ./model.gguf", *(["ADAPTER ./adapter.gguf"] if adapter else [])]
    if derived.marks is not None:
        marks = derived.marks
        bos = model.special.get("bos_token")
        if bos and vocabulary.adds_bos:
            # Ollama puts the beginning-of-text token there itself where the GGUF says so; a second one would be a mistake.
            marks = replace(
                marks, start=marks.start.removeprefix(bos), system=(marks.system[0].removeprefix(bos), marks.system[1]) if marks.system else None
            )  # fmt: skip
        lines.append(f'TEMPLATE """{marks.go()}"""')
    lines += [f"PARAMETER stop {_quoted(stop)}" for stop in model.stop_tokens if '"' not in stop and "\n" not in stop]
    (folder / MODELFILE).write_text("\n".join(lines) + "\n", "utf-8")
    return _words(derived, model)


def _derived(model: ModelFolder) -> Derived:
    if model.chat_template is None:
        return Derived(None, "the model has none")
    with Renderer(model) as renderer:
        return derive(renderer, renderer.source)


def _words(derived: Derived, model: ModelFolder) -> list[str]:
    if derived.marks is not None:
        found = ["Modelfile: TEMPLATE was derived from the chat template, and says the same on 6 conversations" if derived.marks.system else "Modelfile: TEMPLATE was derived from the chat template, and says the same on 3 conversations"]  # fmt: skip
        found += [f"note: {note}" for note in derived.notes]
    else:
        found = [
            f"Modelfile: no TEMPLATE, for {derived.reason}. Current Ollama renders the chat template inside the GGUF; one from before that "
            "takes the closest template it knows, or prints the bare question: answers that ramble are the sign. Upgrade it then."
        ]
    if not model.stop_tokens:
        found.append("note: the model names no stop token, so the Modelfile has no PARAMETER stop")
    return found


def _quoted(text: str) -> str:
    return f'"{text}"'
