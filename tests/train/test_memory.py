"""Memory before a weight is loaded: the formula next to a counted forward pass, and known models' sizes."""

from __future__ import annotations

import json

import pytest

from ftdata.errors import FtdataError
from ftdata.train.memory import GIB, estimate, read_shape, shape_of, what_fits

MODELS = {
    "llama 3.1 8b": ({"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336,
                      "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 131072,
                      "tie_word_embeddings": False}, 8_030_261_248),
    "qwen2.5 0.5b": ({"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "vocab_size": 151936, "hidden_size": 896, "intermediate_size": 4864,
                      "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2, "max_position_embeddings": 32768,
                      "tie_word_embeddings": True}, 494_032_768),
    "qwen2.5 7b": ({"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944,
                    "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4, "max_position_embeddings": 32768,
                    "tie_word_embeddings": False}, 7_615_616_512),
    "mistral 7b": ({"model_type": "mistral", "architectures": ["MistralForCausalLM"], "vocab_size": 32768, "hidden_size": 4096, "intermediate_size": 14336,
                    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 32768,
                    "tie_word_embeddings": False}, 7_248_023_552),
    "tiny": ({"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 1000, "hidden_size": 64, "intermediate_size": 128,
              "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
              "tie_word_embeddings": False}, None),
}  # fmt: skip
LLAMA = shape_of(MODELS["llama 3.1 8b"][0])


@pytest.mark.parametrize("name", [name for name, (_, size) in MODELS.items() if size])
def test_the_parameters_of_known_models_are_counted_exactly(name):
    config, size = MODELS[name]
    assert shape_of(config).parameters == size


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize(
    ("method", "targets"), [("qlora", ("q_proj", "v_proj")), ("lora", ("all-linear",)), ("full", ("q_proj",))]
)
def test_the_formula_is_near_a_counted_pass(name, method, targets, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("peft")
    from ftdata.train.meta import count_activations

    (tmp_path / "config.json").write_text(json.dumps(MODELS[name][0]))
    counted = count_activations(tmp_path, method=method, tokens=512, rows=2, r=16, targets=targets, dropout=0.05, half=True)
    assert counted is not None
    shape = read_shape(tmp_path)
    for checkpointing in (True, False):
        settings = {"tokens": 512, "rows": 2, "targets": targets, "checkpointing": checkpointing}
        formula, exact = estimate(shape, method, **settings), estimate(shape, method, **settings, activations=counted)
        assert (formula.how, exact.how) == ("formula", "exact")
        assert formula.counted == pytest.approx(exact.counted, rel=0.12)


@pytest.mark.filterwarnings("ignore")
def test_what_is_counted_is_what_a_real_pass_keeps(tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from transformers import AutoConfig, AutoModelForCausalLM

    from ftdata.train.meta import _register, count_activations

    (tmp_path / "config.json").write_text(json.dumps(MODELS["tiny"][0]))
    block, outside = count_activations(tmp_path, method="full", tokens=128, rows=2, r=8, targets=(), dropout=0.0, half=False)
    _register(torch)
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(tmp_path), attn_implementation="ftdata_counting").train()
    weights, saved = {parameter.untyped_storage()._cdata for parameter in model.parameters()}, {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            saved[storage._cdata] = (storage.nbytes(), storage)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model.model(input_ids=torch.zeros(2, 128, dtype=torch.long), use_cache=False)
    assert sum(size for size, _ in saved.values()) == pytest.approx(3 * block + outside, rel=0.02)


def test_a_qlora_run_takes_less_than_lora_and_that_less_than_full():
    sizes = [estimate(LLAMA, method, tokens=2048, rows=4).total for method in ("qlora", "lora", "full")]
    assert sizes == sorted(sizes) and sizes[0] < 16 * GIB < sizes[1] < 24 * GIB < 100 * GIB < sizes[2]


def test_what_would_fit_is_named_with_its_flags_and_fits():
    settings = {"tokens": 4096, "rows": 8, "r": 16, "targets": ("q_proj", "v_proj"), "checkpointing": False, "half": True}
    ways = what_fits(LLAMA, "full", 24 * GIB, **settings)
    assert any("--gradient-checkpointing" in way for way in ways) and any("qlora" in way or "lora" in way for way in ways)
    assert what_fits(LLAMA, "full", 1 * GIB, **settings) == []


def test_a_folder_without_a_readable_configuration_is_explained(tmp_path):
    with pytest.raises(FtdataError, match="missing"):
        read_shape(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(FtdataError, match="cannot be read"):
        read_shape(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "wav2vec2"}')
    with pytest.raises(FtdataError, match="hidden_size"):
        read_shape(tmp_path)


def test_experts_count_once_for_memory_and_as_used_for_activations():
    config = {
        **MODELS["mistral 7b"][0],
        "model_type": "mixtral",
        "num_local_experts": 8,
        "num_experts_per_tok": 2,
        "vocab_size": 32000,
    }
    shape = shape_of(config)
    assert shape.parameters == 46_702_792_704
    assert (
        estimate(shape, "qlora", tokens=512, rows=1).activations
        < estimate(shape_of({**config, "num_experts_per_tok": 4}), "qlora", tokens=512, rows=1).activations
    )
