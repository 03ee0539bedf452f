"""Load a base, with or without its adapter, for answers and for losses instead of training."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftdata.errors import FtdataError, MissingExtra, ReadError, UsageError
from ftdata.train.local.model import _first_line, _what_next, keep_gradients, quieten


def need(what: str, *packages: str) -> None:
    """Raise MissingExtra where a package that ``what`` needs is not installed."""
    from importlib.util import find_spec

    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        extra = "gguf" if missing == ["gguf"] else "train,gguf" if "gguf" in missing else "train"
        raise MissingExtra(f"{what} needs {', '.join(missing)}", f"pip install 'ftdata[{extra}]'")


@dataclass(slots=True)
class Loaded:
    """A model for inference. ``adapted`` says whether it is a base with an adapter, which can be switched off."""

    model: Any
    adapted: bool
    device: str
    dtype: str
    four_bit: bool = False

    @contextlib.contextmanager
    def base(self) -> Iterator[Loaded]:
        """The untuned base while the block lasts."""
        if not self.adapted:
            raise UsageError("a model without an adapter has no base inside", "Load the base by itself.")
        with self.model.disable_adapter():
            yield Loaded(self.model, False, self.device, self.dtype, self.four_bit)


def pick_device(wanted: str | None = None) -> str:
    """ "cuda", "mps" or "cpu": the one asked for, else the best. Raises UsageError for one that is not there."""
    import torch

    have = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted is None:
        return next(name for name in ("cuda", "mps", "cpu") if have[name])
    if not have.get(wanted):
        raise UsageError(
            f"--device {wanted}: there is none here", f"There is {', '.join(n for n, there in have.items() if there)}."
        )
    return wanted


def load(
    base: str | Path, adapter: str | Path | None = None, *, device: str | None = None, dtype: str | None = None, four_bit: bool = False
) -> Loaded:  # fmt: skip
    """Load a model folder, and put an adapter onto it. ``dtype`` as torch names it; without it the checkpoint's.

    On a CPU float16 is computed in float32. Raises ReadError where it cannot be loaded, MissingExtra without torch.
    """
    need(
        "a model on this machine",
        "torch",
        "transformers",
        *(["peft"] if adapter is not None else []),
        *(["bitsandbytes"] if four_bit else []),
    )
    quieten()
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    name = pick_device(device)
    kind: Any = getattr(torch, dtype) if dtype else "auto"
    more: dict[str, Any] = {}
    if four_bit:
        compute = torch.bfloat16 if name != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
        more["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=compute
        )
    if name != "cpu":
        more["device_map"] = {"": name}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = AutoModelForCausalLM.from_pretrained(
                base, dtype=kind, use_safetensors=True, trust_remote_code=False,
                local_files_only=True, **more,
            )  # fmt: skip
            if name == "cpu" and not four_bit and model.dtype == torch.float16:
                model = model.float()
            if four_bit:
                keep_gradients(model)
            if adapter is not None:
                from peft import PeftModel

                model = PeftModel.from_pretrained(model, str(adapter))
    except torch.cuda.OutOfMemoryError:
        raise FtdataError(
            f"{base}: the model does not fit into the memory of the GPU",
            "Use --device cpu, or --4bit to load the base in 4 bits.",
        ) from None
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        place = adapter if adapter is not None and "adapter" in str(error).lower() else base
        raise ReadError(f"{place}: the model cannot be loaded ({_first_line(error)})", _what_next(str(error))) from None
    model.eval()
    return Loaded(model, adapter is not None, name, str(model.dtype).removeprefix("torch."), four_bit)


def logits_of(loaded: Loaded, ids: Sequence[int], positions: Sequence[int]) -> Any:
    """The logits after these positions of a sequence: float32 on the CPU, positions × vocabulary."""
    import torch

    inputs = torch.tensor([list(ids)], device=loaded.device)
    with torch.no_grad():
        out = loaded.model(input_ids=inputs, use_cache=False).logits[0]
        return out[torch.tensor(list(positions), device=out.device)].float().cpu()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an answer is drawn: at most ``max_tokens``; temperature 0 takes the likeliest token; the seed makes it repeatable."""

    max_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model wrote: its tokens without the stop token, and whether it ended by itself."""

    ids: list[int]
    stopped: bool


class Stop:
    """A switch that ends a generation from outside."""

    def __init__(self, event: threading.Event | None = None) -> None:
        self._event = event or threading.Event()

    def set(self) -> None:
        """End it after the token that is being computed."""
        self._event.set()

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        """Say, for each sequence, whether it ends here: what transformers asks after each token."""
        import torch

        return torch.full((input_ids.shape[0],), self._event.is_set(), device=input_ids.device, dtype=torch.bool)


def generate(
    loaded: Loaded, ids: Sequence[int], stops: Sequence[int], sampling: Sampling, *, pad: int | None = None,
    streamer: Any = None, stop: Stop | None = None,
) -> Answer:  # fmt: skip
    """Write one answer after a prompt. Settings that come with the model (temperature, penalties) are not used.

    Raises UsageError where the prompt leaves no room.
    """
    import torch
    from transformers import GenerationConfig, StoppingCriteriaList

    room = _room(loaded.model, len(ids))
    if room < 1:
        raise UsageError(f"the conversation has {len(ids):,} tokens, more than the model takes", "Begin anew with /reset.")
    if sampling.seed is not None:
        torch.manual_seed(sampling.seed)
    config = GenerationConfig(
        max_new_tokens=min(sampling.max_tokens, room), do_sample=sampling.temperature > 0, eos_token_id=list(stops) or None,
        pad_token_id=pad if pad is not None else (stops[0] if stops else 0), num_beams=1,
        **({"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0} if sampling.temperature > 0 else {}),
    )  # fmt: skip
    inputs = torch.tensor([list(ids)], device=loaded.device)
    with torch.no_grad(), warnings.catch_warnings(), own_settings(loaded.model):
        warnings.simplefilter("ignore")
        out = loaded.model.generate(
            input_ids=inputs, attention_mask=torch.ones_like(inputs), generation_config=config, streamer=streamer,
            stopping_criteria=StoppingCriteriaList([stop]) if stop is not None else None,
        )[0].tolist()[len(ids) :]  # fmt: skip
    if out and out[-1] in stops:
        return Answer(out[:-1], True)
    return Answer(out, False)


@contextlib.contextmanager
def own_settings(model: Any) -> Iterator[None]:
    """Leave the model's own generation settings out: what they do not say is taken from them otherwise."""
    from transformers import GenerationConfig

    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    before, cache = inner.generation_config, inner.config.use_cache
    inner.generation_config, inner.config.use_cache = GenerationConfig(), True
    try:
        yield
    finally:
        inner.generation_config, inner.config.use_cache = before, cache


def _room(model: Any, used: int) -> int:
    config = model.config.get_text_config() if hasattr(model.config, "get_text_config") else model.config
    limit = getattr(config, "max_position_embeddings", None)
    return int(limit) - used if isinstance(limit, int) and limit > 0 else 1 << 30


def loss_of(loaded: Loaded, ids: Sequence[int], trained: Sequence[bool]) -> tuple[float, int]:
    """The sum of the losses (nats) of the trained tokens of a sequence, and how many they are. The first token never counts."""
    import torch

    positions = [at - 1 for at, is_trained in enumerate(trained) if is_trained and at > 0]
    if not positions:
        return 0.0, 0
    inputs = torch.tensor([list(ids)], device=loaded.device)
    at = torch.tensor(positions, device=loaded.device)
    with torch.no_grad():
        logits = loaded.model(input_ids=inputs, use_cache=False).logits[0]
        total = 0.0
        for part in at.split(256):
            wanted = inputs[0][part.to(inputs.device) + 1].to(logits.device)
            total += float(torch.nn.functional.cross_entropy(logits[part.to(logits.device)].float(), wanted, reduction="sum"))
    return total, len(positions)
