"""Memory before a weight is loaded: the formula, the counted step and a whole step agree; known models have their known sizes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whole_step import peak_of_step, write_config

from ftdata.errors import FtdataError
from ftdata.train.memory import GIB, Estimate, adapter_size, changes_that_fit, estimate, read_shape, shape_of, what_fits
from ftdata.train.shape import KNOWN

LLAMA_8B = {
    "model_type": "llama", "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 131072, "tie_word_embeddings": False,
}  # fmt: skip
QWEN_05B = {
    "model_type": "qwen2", "vocab_size": 151936, "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24,
    "num_attention_heads": 14, "num_key_value_heads": 2, "max_position_embeddings": 32768, "tie_word_embeddings": True,
}  # fmt: skip
GEMMA2_2B = {
    "model_type": "gemma2", "vocab_size": 256000, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
    "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
}  # fmt: skip
PHI3_MINI = {
    "model_type": "phi3", "vocab_size": 32064, "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 32, "tie_word_embeddings": False, "pad_token_id": 32000,
}  # fmt: skip
QWEN3_30B = {
    "model_type": "qwen3_moe", "vocab_size": 151936, "hidden_size": 2048, "intermediate_size": 6144, "moe_intermediate_size": 768,
    "num_hidden_layers": 48, "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128, "num_experts": 128,
    "num_experts_per_tok": 8, "decoder_sparse_step": 1, "mlp_only_layers": [], "tie_word_embeddings": False,
}  # fmt: skip
MIXTRAL = {
    "model_type": "mixtral", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "num_local_experts": 8, "num_experts_per_tok": 2, "tie_word_embeddings": False,
}  # fmt: skip
TINY = {
    "model_type": "llama", "vocab_size": 1000, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 512, "tie_word_embeddings": False,
}  # fmt: skip

# The sizes that the models' pages name (safetensors metadata), by their configurations.
SIZES = [
    (LLAMA_8B, 8_030_261_248),
    (QWEN_05B, 494_032_768),
    (LLAMA_8B | {"num_hidden_layers": 80, "hidden_size": 8192, "intermediate_size": 28672, "num_attention_heads": 64}, 70_553_706_496),
    (LLAMA_8B | {"num_hidden_layers": 16, "hidden_size": 2048, "intermediate_size": 8192, "tie_word_embeddings": True}, 1_235_814_400),
    (QWEN_05B | {"vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
                 "num_key_value_heads": 4, "tie_word_embeddings": False}, 7_615_616_512),
    (LLAMA_8B | {"model_type": "mistral", "vocab_size": 32768}, 7_248_023_552),
    (LLAMA_8B | {"model_type": "qwen3", "vocab_size": 151936, "intermediate_size": 12288, "num_hidden_layers": 36, "head_dim": 128},
     8_190_735_360),
    (GEMMA2_2B, 2_614_341_888),
    (GEMMA2_2B | {"model_type": "gemma3_text", "vocab_size": 262144, "hidden_size": 1152, "intermediate_size": 6912, "num_attention_heads": 4,
                  "num_key_value_heads": 1}, 999_885_952),
    (PHI3_MINI, 3_821_079_552),
    ({"model_type": "phi", "vocab_size": 51200, "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 32,
      "num_attention_heads": 32}, 2_779_683_840),
    (MIXTRAL, 46_702_792_704),
    (QWEN3_30B, 30_532_122_624),
    ({"model_type": "deepseek_v2", "vocab_size": 102400, "hidden_size": 2048, "intermediate_size": 10944, "moe_intermediate_size": 1408,
      "num_hidden_layers": 27, "num_attention_heads": 16, "num_key_value_heads": 16, "kv_lora_rank": 512, "q_lora_rank": None,
      "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "n_routed_experts": 64, "n_shared_experts": 2,
      "num_experts_per_tok": 6, "first_k_dense_replace": 1}, 15_706_484_224),
]  # fmt: skip
LLAMA, MOE = shape_of(LLAMA_8B), shape_of(QWEN3_30B)
WAYS = [("lora", ("q_proj", "v_proj")), ("lora", ("all-linear",)), ("full", ("q_proj",))]


@pytest.mark.parametrize(("config", "size"), SIZES, ids=[f"{config['model_type']} {size / 1e9:.1f}b" for config, size in SIZES])
def test_the_parameters_of_known_models_are_counted_exactly(config, size):
    assert shape_of(config).parameters == size


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", sorted(KNOWN))
def test_every_known_family_has_the_weights_that_transformers_builds(kind):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    config = transformers.CONFIG_MAPPING[kind]()
    text = config.get_text_config()
    text.num_hidden_layers = 4
    for name in ("layer_types", "mlp_layer_types"):
        if getattr(text, name, None):
            setattr(text, name, getattr(text, name)[:4])
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(text)
    shape = shape_of(json.loads(config.to_json_string(use_diff=False)))
    assert shape.parameters == sum(parameter.numel() for parameter in model.parameters())
    linears = [one for name, one in model.named_modules() if type(one) is torch.nn.Linear and "head" not in name]
    assert shape.packed == sum(one.weight.numel() for one in linears)
    names = {name.rpartition(".")[2] for name, one in model.named_modules() if type(one) is torch.nn.Linear}
    assert set(shape.linear()) <= names


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize(("method", "targets"), WAYS)
@pytest.mark.parametrize(
    "config", [LLAMA_8B, QWEN_05B, GEMMA2_2B, PHI3_MINI, TINY], ids=["llama", "qwen", "gemma", "phi", "tiny"]
)
def test_the_formula_is_near_a_counted_step(config, method, targets, half, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("peft")
    from ftdata.train.meta import count_activations

    folder = write_config(tmp_path / "model", config)
    shape = read_shape(folder)
    targets = targets if shape.chosen(targets) or method == "full" else ("qkv_proj",)
    counted = count_activations(folder, method=method, tokens=1024, rows=2, r=16, targets=targets, dropout=0.05, half=half)
    assert counted is not None
    for checkpointing in (True, False):
        given = {"tokens": 1024, "rows": 2, "targets": targets, "checkpointing": checkpointing, "half": half}
        formula, exact = estimate(shape, method, **given), estimate(shape, method, **given, activations=counted)
        assert (formula.how, exact.how) == ("formula", "exact")
        assert formula.counted == pytest.approx(exact.counted, rel=0.04 if config is not TINY else 0.2)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("checkpointing", [True, False])
@pytest.mark.parametrize(("method", "targets"), WAYS)
@pytest.mark.parametrize(("config", "layers"), [(LLAMA_8B, 6), (QWEN_05B, 24), (TINY, 3)], ids=["llama", "qwen", "tiny"])
def test_the_estimate_is_the_highest_point_of_a_whole_step(config, layers, method, targets, checkpointing, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("peft")
    from ftdata.train.meta import count_activations

    folder = write_config(tmp_path / "model", config, layers)
    given = {"method": method, "targets": targets, "tokens": 1024, "rows": 2, "half": True}
    counted = count_activations(folder, r=16, dropout=0.05, **given)
    exact = estimate(read_shape(folder), checkpointing=checkpointing, activations=counted, **given)
    assert exact.counted == pytest.approx(
        peak_of_step(folder, checkpointing=checkpointing, **given), rel=0.05 if config is not TINY else 0.2
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("method", "half"), [("full", False), ("full", True), ("lora", True)])
def test_what_is_counted_is_what_a_real_pass_keeps(method, half, tmp_path):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    peft = pytest.importorskip("peft")
    from ftdata.train.meta import _register, count_activations

    folder = write_config(tmp_path / "model", TINY)
    given = {"method": method, "tokens": 128, "rows": 2, "r": 8, "targets": ("q_proj", "down_proj"), "dropout": 0.0, "half": half}
    counted = count_activations(folder, **given)
    _register(torch)
    model = transformers.AutoModelForCausalLM.from_config(
        transformers.AutoConfig.from_pretrained(folder), attn_implementation="ftdata_counting",
        dtype=torch.float32 if method == "full" else torch.bfloat16,
    )  # fmt: skip
    if method == "lora":
        model.enable_input_require_grads()
        model = peft.get_peft_model(
            model, peft.LoraConfig(r=8, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM")
        ).get_base_model()
    model.train()
    weights, saved = {parameter.untyped_storage()._cdata for parameter in model.parameters()}, {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            saved[storage._cdata] = (storage.nbytes(), storage)
        return tensor

    with (
        torch.autocast("cpu", dtype=torch.bfloat16, enabled=half),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        model.model(input_ids=torch.zeros(2, 128, dtype=torch.long), use_cache=False)
    assert sum(size for size, _ in saved.values()) == pytest.approx(3 * counted.block + counted.outside, rel=0.04)


@pytest.mark.filterwarnings("ignore")
def test_four_bit_weights_have_the_bytes_that_bitsandbytes_makes():
    torch = pytest.importorskip("torch")
    bitsandbytes = pytest.importorskip("bitsandbytes")
    from ftdata.train.memory import NF4

    weight = torch.randn(512, 2048, dtype=torch.bfloat16)
    packed, state = bitsandbytes.functional.quantize_4bit(weight, quant_type="nf4", compress_statistics=True)
    held = packed.nbytes + state.absmax.nbytes + state.state2.absmax.nbytes
    assert held == pytest.approx(weight.numel() * NF4, rel=0.001)


def test_a_model_that_libraries_cannot_build_is_left_to_the_formula(tmp_path):
    pytest.importorskip("torch")
    from ftdata.train.meta import count_activations

    for number, config in enumerate(
        [{"model_type": "unheard_of"}, {}, LLAMA_8B | {"num_attention_heads": 7}, LLAMA_8B | {"hidden_size": "x"}]
    ):
        folder = write_config(tmp_path / str(number), config)
        given = {"method": "lora", "tokens": 64, "rows": 1, "r": 8, "targets": ("q_proj",), "dropout": 0.0, "half": True}
        assert count_activations(folder, **given) is None


def test_a_qlora_run_takes_less_than_lora_and_that_less_than_full():
    sizes = [estimate(LLAMA, method, tokens=2048, rows=4).total for method in ("qlora", "lora", "full")]
    assert sizes == sorted(sizes) and sizes[0] < 16 * GIB < sizes[1] < 24 * GIB < 100 * GIB < sizes[2]


def test_experts_stay_in_16_bits_where_linear_layers_are_packed():
    assert MOE.expert_weights > 0.9 * MOE.parameters
    packed, plain = (estimate(MOE, method, tokens=512, rows=1).weights for method in ("qlora", "lora"))
    assert plain - packed < MOE.packed * 2 < 0.1 * plain


def test_the_update_is_the_highest_point_of_full_fine_tuning():
    made = estimate(LLAMA, "full", tokens=512, rows=1)
    assert made.peak == "update" and made.counted == LLAMA.parameters * 20
    assert estimate(LLAMA, "full", tokens=512, rows=1, optimizer="adamw_torch_fused").counted < LLAMA.parameters * 17
    assert max(made.parts.values()) == made.counted


def test_preference_training_computes_all_logits():
    plain, pairs = (estimate(LLAMA, "qlora", tokens=2048, rows=4, preference=preference) for preference in (False, True))
    assert pairs.total - plain.total > 2048 * 3 * LLAMA.vocabulary * 12


def test_an_adapter_has_the_weights_that_peft_makes():
    assert adapter_size(LLAMA, 16, ("q_proj", "v_proj")) == 6_815_744
    assert adapter_size(LLAMA, 16, ("all-linear",)) == 41_943_040
    assert adapter_size(LLAMA, 16, ("nothing",)) == 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["mixtral", "qwen3_moe", "qwen2_moe", "olmoe", "deepseek_v3", "gpt_oss", "phi3", "gemma3_text"])
def test_an_adapter_in_all_layers_has_about_the_weights_that_peft_makes(kind):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    peft = pytest.importorskip("peft")
    config = transformers.CONFIG_MAPPING[kind]()
    config.num_hidden_layers = 4
    for name in ("layer_types", "mlp_layer_types"):
        if getattr(config, name, None):
            setattr(config, name, getattr(config, name)[:4])
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
        model = peft.get_peft_model(model, peft.LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    made = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    shape = shape_of(json.loads(config.to_json_string(use_diff=False)))
    assert adapter_size(shape, 16, ("all-linear",)) == pytest.approx(made, rel=0.01)


@given(
    st.sampled_from(["qlora", "lora", "full"]),
    st.integers(1, 200),
    st.sampled_from([512, 1000, 4096, 32768]),
    st.integers(1, 32),
    st.booleans(),
    st.sampled_from([LLAMA_8B, QWEN_05B, QWEN3_30B, TINY]),
)
@settings(max_examples=60, deadline=None)
def test_what_would_fit_fits_and_nothing_of_it_is_needless(method, gibibytes, tokens, rows, checkpointing, config):
    shape, available = shape_of(config), gibibytes * GIB
    start = {
        "method": method,
        "tokens": tokens,
        "rows": rows,
        "checkpointing": checkpointing,
        "optimizer": "adamw_torch",
        "accumulation": 1,
    }
    common = {"r": 16, "targets": ("q_proj", "v_proj"), "half": True}

    def total(changes):
        now = start | {name: value for change in changes for name, value in change.items()}
        return estimate(shape, **now, **common).total

    ways = [change for _, change in changes_that_fit(shape, available=available, **start, **common)]
    if not ways:
        least = {"method": "qlora", "tokens": min(512, tokens), "rows": 1, "checkpointing": True}
        assert total([]) <= available or total([least]) > available
        return
    assert total([]) > available >= total(ways)
    for left_out in range(len(ways)):
        assert total([*ways[:left_out], *ways[left_out + 1 :]]) > available


def test_what_would_fit_is_named_with_its_flags():
    common = {"tokens": 4096, "rows": 8, "r": 16, "targets": ("q_proj", "v_proj"), "checkpointing": False, "half": True}
    ways = what_fits(LLAMA, "full", 24 * GIB, **common)
    assert ways[0].split()[0] == "--gradient-checkpointing" and any("lora" in way for way in ways)
    assert what_fits(LLAMA, "full", 1 * GIB, **common) == []
    assert what_fits(LLAMA, "qlora", 24 * GIB, **(common | {"checkpointing": True, "rows": 4})) == []


@given(
    st.dictionaries(
        st.sampled_from(
            sorted({*LLAMA_8B, *QWEN3_30B, "text_config", "kv_lora_rank", "first_k_dense_replace", "use_bias", "hidden_act"})
        ),
        st.none()
        | st.booleans()
        | st.integers(-5, 10**14)
        | st.text(max_size=5)
        | st.lists(st.integers(-3, 3), max_size=3)
        | st.floats(),
    ),
    st.sampled_from([*sorted(KNOWN), "", "unheard_of"]),
)
@settings(max_examples=150, deadline=None)
def test_no_configuration_breaks_the_estimate(config, kind):
    try:
        shape = shape_of({**config, "model_type": kind})
    except FtdataError:
        return
    for method in ("qlora", "lora", "full"):
        made = estimate(shape, method, tokens=64, rows=1)
        assert isinstance(made, Estimate) and made.total >= 0


def test_a_folder_without_a_readable_configuration_is_explained(tmp_path):
    with pytest.raises(FtdataError, match="missing"):
        read_shape(tmp_path)
    for text, words in [
        ("{", "cannot be read"),
        ("[]", "no object"),
        ("[" * 100_000, "cannot be read"),
        ('{"model_type": "wav2vec2"}', "hidden_size"),
    ]:
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(FtdataError, match=words):
            read_shape(tmp_path)
