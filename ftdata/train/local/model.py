"""Load a base model for training: from a local folder, in safetensors, without any code that comes with it."""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftdata.errors import MissingExtra, ReadError, UsageError
from ftdata.train.local.recipe import Recipe

# bitsandbytes asks the hub for a kernel on CPUs with AVX512-BF16; nothing here may reach for the network.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@dataclass(frozen=True, slots=True)
class Device:
    """Where the run takes place: "cuda", "mps" or "cpu", and the number type of the computation."""

    name: str
    dtype: str

    @property
    def bf16(self) -> bool:
        """Whether the computation is done in bfloat16."""
        return self.dtype == "bfloat16"


def require(*packages: str) -> None:
    """Raise MissingExtra where a package is not installed."""
    from importlib.util import find_spec

    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise MissingExtra(f"training needs {', '.join(missing)}", "pip install 'ftdata[train]'")


def quieten() -> None:
    """Let the libraries print nothing of their own: what matters is said by the run."""
    from transformers.utils import logging as hf_logging

    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    for name in ("bitsandbytes", "accelerate", "peft", "torch"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def choose_device(recipe: Recipe) -> Device:
    """The best device at hand, and bf16 where its hardware has it. Raises UsageError for a precision that it has not."""
    import torch

    if torch.cuda.is_available():
        name, bf16 = "cuda", torch.cuda.is_bf16_supported(including_emulation=False)
        best = "bfloat16" if bf16 else "float16"
    elif torch.backends.mps.is_available():
        name, bf16, best = "mps", True, "bfloat16"
    else:
        name, bf16, best = "cpu", True, "float32"
    wanted = {"auto": best, "bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}[recipe.precision]
    if wanted == "bfloat16" and not bf16:
        raise UsageError(
            f"--precision bf16: {torch.cuda.get_device_name()} computes no bfloat16", "Use --precision fp16 or fp32."
        )
    if wanted == "float16" and name == "cpu":
        raise UsageError("--precision fp16: a CPU does not train in float16", "Use --precision bf16 or fp32.")
    return Device(name, wanted)


def load_base(path: str, recipe: Recipe, device: Device) -> Any:
    """Load the base: in 4 bits for QLoRA, in the device's type for LoRA, in float32 for full fine-tuning.

    Weights that are trained are kept in float32 (bf16 updates of 2e-4 are rounded away); the computation is the device's.
    Raises ReadError where the folder holds no model that can be loaded.
    """
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    dtype = getattr(torch, device.dtype)
    more: dict[str, Any] = {}
    if recipe.method == "qlora":
        require("bitsandbytes")
        more["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
        )
    if device.name == "cuda":
        more["device_map"] = {"": int(os.environ.get("LOCAL_RANK", "0"))}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = AutoModelForCausalLM.from_pretrained(
                path,
                dtype=torch.float32 if recipe.method == "full" else dtype,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=Path(path).is_dir(),
                **more,
            )
    except torch.cuda.OutOfMemoryError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise ReadError(f"{path}: the model cannot be loaded ({_first_line(error)})", _what_next(str(error))) from None
    model.config.use_cache = False
    if recipe.method == "qlora":
        keep_gradients(model)
    return model


def keep_gradients(model: Any) -> None:
    """Switch off what stops the gradients of 4-bit layers on CPUs.

    On a CPU with AVX512-BF16 an evaluation makes ``Linear4bit`` (bitsandbytes 0.50) repack its weight for an inference
    kernel without gradients, and nothing undoes that: after the first evaluation nothing is learned any more, silently.
    """
    import bitsandbytes

    for module in model.modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            module.support_avx512bf16_for_cpu = False


def add_adapter(model: Any, recipe: Recipe) -> Any:
    """Freeze the base and put LoRA layers into it. Raises UsageError where no module has such a name."""
    from peft import LoraConfig, get_peft_model

    # peft's own preparation turns embeddings and head to float32, which takes 2 GB of an 8B model for nothing: they are frozen.
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    if recipe.gradient_checkpointing:
        model.enable_input_require_grads()
    everything = recipe.targets == ("all-linear",)
    config = LoraConfig(
        r=recipe.r,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules="all-linear" if everything else list(recipe.targets),
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        linear = sorted({name.rpartition(".")[2] for name, module in model.named_modules() if "Linear" in type(module).__name__})
        raise UsageError(
            f"--targets {','.join(recipe.targets)}: {_first_line(error)}", f"This model has {', '.join(linear[:12])}."
        ) from None


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]


def _what_next(text: str) -> str:
    lowered = text.lower()
    if "gated" in lowered or "401" in text or "403" in text:
        return "Ask for access on the model's page, log in with `hf auth login`, or download it and name the folder."
    if "connect" in lowered or "offline" in lowered or "resolve" in lowered or "not the path to a directory" in lowered:
        return "Download the model on a machine with a network and give the folder: --model ./folder."
    if "safetensors" in lowered:
        return "ftdata loads safetensors only: pickles may run code. Convert the weights with transformers' save_pretrained."
    if "trust_remote_code" in lowered or "does not recognize this architecture" in lowered:
        return "Upgrade transformers; ftdata runs no code that comes with a model."
    return "Check the folder: config.json, the tokenizer and *.safetensors belong in it."
