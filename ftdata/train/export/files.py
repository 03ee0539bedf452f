"""GGUF files of a run, and what Ollama takes: written into one folder that appears whole and proven or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftdata.template import ModelFolder, read_model_folder
from ftdata.train.card import write_card
from ftdata.train.export.merge import merge_into, stored_type
from ftdata.train.export.prove import Proof, Reference, compare, make_reference
from ftdata.train.export.source import Source, need_space, read_json, weights_size, whole_folder

MODEL, ADAPTER = "model.gguf", "adapter.gguf"
_OUT = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}
_IN = {short: name for name, short in _OUT.items()}


@dataclass(slots=True)
class Made:
    """What was written, for people."""

    lines: list[str] = field(default_factory=list)
    proofs: list[Proof] = field(default_factory=list)


def write_gguf(
    source: Source, target: Path, *, outtype: str = "auto", merged: bool = False, ollama: bool = False, device: str | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Made:  # fmt: skip
    """Write ``model.gguf`` and, for an adapter that is not merged, ``adapter.gguf``; with ``ollama`` a Modelfile.

    Raises ExportError where a file does not prove to be the same model, UsageError for a model that cannot be written as GGUF.
    """
    from ftdata.train.export.gguf.architecture import architecture_of
    from ftdata.train.export.gguf.vocabulary import read_vocabulary

    made = Made()
    config = read_json(source.model / "config.json")
    architecture = architecture_of(config.get("text_config") or config)
    folder = read_model_folder(source.tokenizer)
    if not folder.templates:
        folder = read_model_folder(source.base)
    vocabulary = read_vocabulary(folder, architecture.vocab)
    _check_pieces(vocabulary, folder, source)
    outtype = outtype if outtype != "auto" else _OUT[stored_type(source.model)]
    size = weights_size(source.model)
    need_space(target, int(size * (2.2 if source.adapted else 1.1)))
    say("computing the logits of base and adapter" if source.adapted else "computing the logits of the model")
    reference = make_reference(source, device)
    with whole_folder(target) as half:
        weights = source.model
        if source.adapted and merged:
            weights = half / ".merged"
            weights.mkdir()
            made.proofs.append(merge_into(source, weights, reference, say))
        _model(source, half, weights, architecture, vocabulary, outtype, say)
        split = source.adapted and not merged
        if split:
            _adapter(source, half, architecture, say)
        made.proofs += _proofs(source, half, reference, _IN[outtype], split, say)
        for proof in made.proofs:
            proof.require()
        shutil.rmtree(half / ".merged", ignore_errors=True)
        made.lines = [line for proof in made.proofs for line in proof.lines()]
        made.lines += [f"note: {note}" for note in [*architecture.notes, *vocabulary.notes]]
        if ollama:
            from ftdata.train.export.ollama import write_modelfile

            made.lines += write_modelfile(half, folder, adapter=split, vocabulary=vocabulary)
        write_card(source.run, half)
        _readme(half, made, split, ollama, outtype)
    made.lines += _next(target, split, ollama, outtype)
    return made


def _check_pieces(vocabulary: Any, folder: ModelFolder, source: Source) -> None:
    """For tokenizers of SentencePiece's kind: what llama.cpp makes of the run's own texts."""
    if vocabulary.model != "llama":
        return
    from tokenizers import Tokenizer

    from ftdata.train.export.gguf.pieces import check_pieces
    from ftdata.train.export.prove import questions_of

    tokenizer = Tokenizer.from_file(str(folder.tokenizer_file))
    texts = [tokenizer.decode(question.ids, skip_special_tokens=True) for question in questions_of(source)[0]]
    check_pieces(vocabulary, folder.path, tokenizer, [*texts, "Hello, world! 안녕하세요?  3.14 \U0001f642\nnew\ttab"])


def _model(source: Source, half: Path, weights: Path, architecture: Any, vocabulary: Any, outtype: str, say: Any) -> None:
    from ftdata.train.export.gguf.check import check_tokens
    from ftdata.train.export.gguf.write import write_model

    say(f"writing {MODEL}")
    if not (weights / "config.json").is_file():
        shutil.copyfile(source.model / "config.json", weights / "config.json")
    write_model(
        half / MODEL,
        weights,
        architecture,
        vocabulary,
        outtype=outtype,
        name=source.name,
        source=f"ftdata, from {source.model.name}",
    )
    check_tokens(half / MODEL, vocabulary.tokens)


def _adapter(source: Source, half: Path, architecture: Any, say: Any) -> None:
    from ftdata.train.export.gguf.write import write_adapter

    say(f"writing {ADAPTER}")
    write_adapter(half / ADAPTER, source.output, architecture, name=source.name)


def _proofs(source: Source, half: Path, reference: Reference, stored: str, split: bool, say: Any) -> list[Proof]:
    """Compare what an independent reader makes of the files with base and adapter."""
    from ftdata.train.export.gguf.check import apply_adapter, load_gguf

    say("reading the GGUF with transformers, comparing its logits")
    options = {"device": reference.device, "dtype": reference.dtype}
    loaded = load_gguf(half / MODEL, source.model, **options)
    if not split:
        return [compare(loaded, reference, MODEL, stored)]
    found = [compare(loaded, reference, f"{MODEL} (the base)", stored, against=reference.base_logits)]
    del loaded
    both = half / ".both.gguf"
    try:
        apply_adapter(half / MODEL, half / ADAPTER, both)
        found.append(compare(load_gguf(both, source.model, **options), reference, f"{MODEL} with {ADAPTER}", stored))
    finally:
        both.unlink(missing_ok=True)
    return found


def _next(target: Path, split: bool, ollama: bool, outtype: str) -> list[str]:
    found = [f"written: {target / MODEL}" + (f" and {target / ADAPTER}" if split else "")]
    lora = f" --lora {target / ADAPTER}" if split else ""
    if ollama:
        found += [f"next: cd {target} && ollama create NAME -f Modelfile && ollama run NAME"]
    else:
        found += [f"next: llama-cli -m {target / MODEL}{lora} --jinja"]
    return [*found, f"smaller: llama-quantize {target / MODEL} {target / 'model-q4_k_m.gguf'} Q4_K_M (of llama.cpp; it changes the answers, {outtype} does not)"]  # fmt: skip


def _readme(half: Path, made: Made, split: bool, ollama: bool, outtype: str) -> None:
    path = half / "README.md"
    text = (
        path.read_text("utf-8")
        .replace("library_name: peft", "library_name: gguf")
        .replace("library_name: transformers", "library_name: gguf")
    )
    files = f"`{MODEL}` is {'the base' if split else 'the tuned model'} ({outtype})" + (
        f", `{ADAPTER}` the LoRA adapter for it." if split else "."
    )
    use = OLLAMA if ollama else LLAMA_CPP
    lora = f" --lora {ADAPTER}" if split else ""
    text += "\n" + files + "\n\n" + "".join(f"- {line}\n" for line in made.lines) + "\n" + use.format(model=MODEL, lora=lora)
    path.write_text(text, "utf-8")


LLAMA_CPP = """## Use

```sh
llama-cli -m {model}{lora} --jinja
llama-server -m {model}{lora} --jinja
```

`--jinja` renders conversations by the chat template inside the GGUF. llama.cpp's `llama-quantize {model} smaller.gguf Q4_K_M` makes
it smaller; the adapter works on the smaller one too, but was not trained on it.
"""

OLLAMA = """## Use with Ollama

```sh
ollama create NAME -f Modelfile
ollama run NAME
```

Ollama runs llama.cpp inside. What it needs: the GGUF files beside the Modelfile while `ollama create`
copies them, free disk space of the same size again, and a GGUF adapter that was made for this very base. Safetensors adapters are not
written: Ollama takes them for two architectures only, and its import seems to permute the wrong matrix (read in its source of 2026-08-21).
`ollama create --quantize q4_K_M` makes the model smaller. Without Ollama: `llama-server -m {model}{lora} --jinja`.
"""
