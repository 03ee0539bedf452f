"""Write GGUF files tensor by tensor, so that no more than one tensor is in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ftdata.errors import MissingExtra, ReadError, UsageError
from ftdata.train.export.gguf.architecture import CONVERTER, Architecture
from ftdata.train.export.gguf.vocabulary import Vocabulary
from ftdata.train.export.source import ExportError

OUTTYPES = {"f32": "F32", "f16": "F16", "bf16": "BF16"}
# gguf.LlamaFileType, gguf 0.19.0.
_FILE_TYPES = {"f32": 0, "f16": 1, "bf16": 32}


def package() -> Any:
    """The gguf package. Raises MissingExtra."""
    try:
        import gguf
    except ImportError:
        raise MissingExtra("GGUF files need the gguf package", "pip install 'ftdata[gguf]'") from None
    return gguf


def write_model(
    target: Path, weights: Path, made: Architecture, vocabulary: Vocabulary, *, outtype: str, name: str, source: str
) -> int:  # fmt: skip
    """Write the model in the folder ``weights``. Returns the number of tensors. Raises UsageError for a weight that has no place."""
    gguf = package()
    writer = gguf.GGUFWriter(target, made.name)
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(_name(name))
    writer.add_string("general.description", source)
    writer.add_file_type(_FILE_TYPES[outtype])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for key, kind, value in made.fields:
        getattr(writer, f"add_{kind}")(key, value)
    _add_vocabulary(writer, vocabulary)
    names = gguf.get_tensor_name_map(_arch(gguf, made.name), made.layers)
    plan = [(ours, load, _type(ours, len(shape), outtype), shape) for ours, load, shape in _tensors(weights, names, made)]
    if made.rope_factors is not None:
        factors = np.asarray(made.rope_factors, np.float32)
        plan.insert(0, ("rope_freqs.weight", lambda: factors, "f32", factors.shape))
    seen = {ours for ours, *_ in plan}
    missing = {"token_embd.weight", "output_norm.weight", *(f"blk.{n}.ffn_down.weight" for n in range(made.layers))} - seen
    if missing:
        raise ReadError(f"{weights}: there is no weight for {sorted(missing)[0]}", "The folder is not whole: restore it.")
    _write(gguf, writer, plan)
    return len(plan)


def _name(text: str) -> str:
    # transformers takes a llama whose name holds "mistral" for another class when it reads the file.
    return text or "model"


def _arch(gguf: Any, name: str) -> Any:
    return next(key for key, value in gguf.MODEL_ARCH_NAMES.items() if value == name)


def _write(gguf: Any, writer: Any, plan: list[tuple[str, Callable[[], Any], str, tuple[int, ...]]]) -> None:
    """Header first, then one tensor after the other."""
    kinds = {"f32": gguf.GGMLQuantizationType.F32, "f16": gguf.GGMLQuantizationType.F16, "bf16": gguf.GGMLQuantizationType.BF16}
    for ours, _, kind, shape in plan:
        size = int(np.prod(shape)) * (4 if kind == "f32" else 2)
        writer.add_tensor_info(ours, shape, np.dtype(np.float32), size, raw_dtype=kinds[kind])
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for ours, load, kind, _ in plan:
            writer.write_tensor_data(_cast(gguf, load(), kind, ours))
    finally:
        writer.close()


def _cast(gguf: Any, values: Any, kind: str, name: str) -> Any:
    array = np.ascontiguousarray(values, np.float32)
    if kind == "f32":
        return array
    if kind == "f16":
        with np.errstate(over="ignore"):
            half = array.astype(np.float16)
        if not np.isfinite(half).all():
            raise ExportError(f"{name}: has a weight that float16 cannot hold", "Use --type bf16 or f32. Nothing was kept.")
        return half
    return gguf.quants.quantize(array, gguf.GGMLQuantizationType.BF16)


def _type(name: str, dimensions: int, outtype: str) -> str:
    """Vectors stay in float32, as llama.cpp wants them."""
    return "f32" if dimensions < 2 else outtype


def _add_vocabulary(writer: Any, made: Vocabulary) -> None:
    writer.add_tokenizer_model(made.model)
    writer.add_tokenizer_pre(made.pre)
    writer.add_token_list(made.tokens)
    writer.add_token_types(made.kinds)
    if made.scores:
        writer.add_token_scores(made.scores)
    if made.merges:
        writer.add_token_merges(made.merges)
    for name, number in made.ids.items():
        writer.add_uint32(f"tokenizer.ggml.{name}_token_id", number)
    writer.add_add_bos_token(made.adds_bos)
    writer.add_add_eos_token(made.adds_eos)
    if made.space_prefix is not None:
        writer.add_add_space_prefix(made.space_prefix)
    if made.template is not None:
        writer.add_chat_template(made.template)


Entry = tuple[str, Callable[[], Any], tuple[int, ...]]


def _tensors(folder: Path, names: Any, made: Architecture) -> Iterator[Entry]:
    """Each weight with llama.cpp's name, how to load it (float32), and its shape."""
    from safetensors import safe_open

    tied = _tied(folder)
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(str(path), framework="pt") as file:
            for name in file.keys():  # noqa: SIM118  (safe_open is no mapping)
                if name.endswith(("rotary_emb.inv_freq", ".attention.bias", ".masked_bias")) or (
                    tied and name == "lm_head.weight"
                ):
                    continue
                ours = names.get_name(name, try_suffixes=(".weight", ".bias"))
                if ours is None:
                    raise UsageError(
                        f"{path.name}: the weight {name} has no place in a GGUF of {made.name}",
                        f"Merge it first (--merge), then use llama.cpp's own converter: {CONVERTER}",
                    )
                shape = tuple(file.get_slice(name).get_shape())
                yield ours, _loader(path, name, made), shape


def _tied(folder: Path) -> bool:
    from ftdata.train.export.source import read_json

    return bool(read_json(folder / "config.json").get("tie_word_embeddings"))


def _loader(path: Path, name: str, made: Architecture) -> Callable[[], Any]:
    def load() -> Any:
        from safetensors import safe_open

        with safe_open(str(path), framework="pt") as file:
            values = file.get_tensor(name).float().numpy()
        if made.permuted:
            values = permute_for(name, values, made)
        if made.norm_shift and name.endswith("norm.weight"):
            values = values + np.float32(made.norm_shift)
        return values

    return load


def permute_for(name: str, values: Any, made: Architecture) -> Any:
    """Rows of q and k as llama.cpp wants them: (head, half, dimension) becomes (head, dimension, half)."""
    found = re.search(r"\.([qk])_proj\.(?:weight|bias|lora_B\.weight)$", name)
    if found is None:
        return values
    heads = made.heads if found[1] == "q" else made.kv_heads
    return values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


# --- adapters -------------------------------------------------------------------------------------


def write_adapter(target: Path, adapter: Path, made: Architecture, *, name: str) -> int:
    """Write the adapter in a folder of peft as a LoRA of llama.cpp. Returns the number of layers. Raises UsageError for what it cannot say."""
    gguf = package()
    config = _adapter_config(adapter)
    pairs = _pairs(adapter)
    names = gguf.get_tensor_name_map(_arch(gguf, made.name), made.layers)
    alpha = float(config["lora_alpha"])
    writer = gguf.GGUFWriter(target, made.name)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    writer.add_name(_name(name))
    plan: list[tuple[str, Callable[[], Any], str, tuple[int, ...]]] = []
    for module, (a, b) in sorted(pairs.items()):
        ours = names.get_name(f"{module}.weight", try_suffixes=(".weight",))
        if ours is None or ours in ("token_embd.weight", "output.weight"):
            raise UsageError(
                f"the adapter changes {module}, which llama.cpp takes from no adapter",
                "Export one merged GGUF instead: --gguf --merged.",
            )
        if made.permuted:
            b = permute_for(f"{module}.lora_B.weight", b, made)
        # llama.cpp scales by alpha / rank; where peft scales otherwise (rslora, patterns), B carries the difference.
        b = b * np.float32(scaling_of(config, module) / (alpha / a.shape[0]))
        for part, values in (("lora_a", a), ("lora_b", b)):
            plan.append((f"{ours}.{part}", _held(values), "f32", values.shape))
    _write(gguf, writer, plan)
    return len(pairs)


def _held(values: Any) -> Callable[[], Any]:
    return lambda: values


def _adapter_config(folder: Path) -> dict[str, Any]:
    from ftdata.train.export.source import read_json

    config = read_json(folder / "adapter_config.json")
    odd = [
        name
        for name in ("use_dora", "modules_to_save", "lora_bias", "fan_in_fan_out", "trainable_token_indices")
        if config.get(name)
    ]
    if config.get("peft_type") != "LORA" or odd:
        raise UsageError(
            f"the adapter uses {', '.join(odd) or config.get('peft_type')}, which a LoRA of llama.cpp cannot say",
            "Export one merged GGUF instead: --gguf --merged.",
        )
    return config


def scaling_of(config: dict[str, Any], module: str) -> float:
    """What peft multiplies B·A of a module with."""
    rank, alpha = float(config["r"]), float(config["lora_alpha"])
    for pattern, value in (config.get("rank_pattern") or {}).items():
        rank = float(value) if re.match(rf"(.*\.)?({pattern})$", module) else rank
    for pattern, value in (config.get("alpha_pattern") or {}).items():
        alpha = float(value) if re.match(rf"(.*\.)?({pattern})$", module) else alpha
    return alpha / rank**0.5 if config.get("use_rslora") else alpha / rank


def _pairs(folder: Path) -> dict[str, tuple[Any, Any]]:
    """A and B of each module, by its name in the base, in float32."""
    from safetensors import safe_open

    path = folder / "adapter_model.safetensors"
    found: dict[str, dict[str, Any]] = {}
    with safe_open(str(path), framework="pt") as file:
        for name in file.keys():  # noqa: SIM118  (safe_open is no mapping)
            match = re.fullmatch(r"base_model\.model\.(.+)\.lora_([AB])(?:\.default)?\.weight", name)
            if match is None:
                raise UsageError(
                    f"{path}: holds {name}, which a LoRA of llama.cpp cannot say",
                    "Export one merged GGUF instead: --gguf --merged.",
                )
            found.setdefault(match[1], {})[match[2]] = file.get_tensor(name).float().numpy()
    broken = [module for module, parts in found.items() if len(parts) != 2]
    if broken or not found:
        raise ReadError(f"{path}: is not whole ({broken[0] if broken else 'it is empty'})", "Train the run anew.")
    return {module: (parts["A"], parts["B"]) for module, parts in found.items()}


def facts(path: Path) -> dict[str, Any]:
    """What a GGUF says of itself: keys with their values, arrays by their length, and the tensors' shapes as numpy has them."""
    reader = package().GGUFReader(path)
    found: dict[str, Any] = {}
    for key, entry in reader.fields.items():
        value = entry.contents()
        found[key] = len(value) if isinstance(value, list) and len(value) > 16 else value
    found["tensors"] = {tensor.name: [int(n) for n in reversed(tensor.shape.tolist())] for tensor in reader.tensors}
    return json.loads(json.dumps(found, default=str))  # type: ignore[no-any-return]
