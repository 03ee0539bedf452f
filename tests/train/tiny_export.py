"""Tiny models of every family that is exported, with a byte-level tokenizer that has merges, and a run with a random adapter."""

from __future__ import annotations

import json

from ftdata.train.runs import base_hash, start_run
from ftdata.train.tokens import gather, save_tokens

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CORPUS = [
    "take this red lamp please",
    "here is one blue car",
    "어디에 있어요? 여기 있습니다.",
    "The quick brown fox, 123 times: it's fine!",
] * 4
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<pad>"]
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = QWEN.replace(r"|\p{N}| ", r"|\p{N}{1,3}| ")
COMMON = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
          "max_position_embeddings": 512, "tie_word_embeddings": False}  # fmt: skip
FAMILIES = {
    "llama": ("LlamaConfig", {"rope_parameters": {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
                                                  "high_freq_factor": 4.0, "original_max_position_embeddings": 64}}),
    "mistral": ("MistralConfig", {"sliding_window": None}),
    "qwen2": ("Qwen2Config", {"tie_word_embeddings": True}),
    "qwen3": ("Qwen3Config", {"head_dim": 32}),
    "gemma2": ("Gemma2Config", {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 8, "tie_word_embeddings": True}),
    "gemma3": ("Gemma3TextConfig", {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 8, "tie_word_embeddings": True}),
    "phi3": ("Phi3Config", {"pad_token_id": 0, "sliding_window": None}),
}  # fmt: skip


def make_tokenizer(folder, *, regex=QWEN, template=CHATML, ignore_merges=False):
    from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers, trainers
    from tokenizers.models import BPE

    tokenizer = Tokenizer(BPE(ignore_merges=ignore_merges))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex is None)
    parts = [byte_level] if regex is None else [pre_tokenizers.Split(Regex(regex), "isolated"), byte_level]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=360, special_tokens=SPECIAL, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "pad_token": "<pad>",
              "chat_template": template, "model_max_length": 512}  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return tokenizer


def make_family(folder, family, *, dtype="float32", seed=0, **more):
    import torch
    import transformers
    from transformers import AutoModelForCausalLM

    tokenizer = make_tokenizer(folder, **more)
    name, own = FAMILIES[family]
    ids = {"eos_token_id": tokenizer.token_to_id("<|im_end|>"), "bos_token_id": None}
    config = getattr(transformers, name)(**(COMMON | {"vocab_size": tokenizer.get_vocab_size() + 4} | ids | own))
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for weight in model.parameters():  # norms and biases too, so that a forgotten one is seen
            weight.add_(torch.randn_like(weight) * 0.1)
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    return folder


def make_run(path, base, *, targets="all-linear", r=4, size=0.2, **config):
    """A run that is "trained": with a random adapter, evaluation tokens and the base's hash."""
    import torch
    from peft import LoraConfig, get_peft_model
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM

    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    sequences = []
    for text in CORPUS[:4]:
        prompt = tokenizer.encode(f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n").ids
        answer = tokenizer.encode(f"{text[::-1]} 여기<|im_end|>").ids
        sequences.append((prompt + answer, [False] * len(prompt) + [True] * len(answer)))
    tokens = gather(sequences)
    run, _ = start_run(
        path, {"data": tokens.sha256()}, backend="local", recipe={"method": "lora", "learning_rate": 2e-4, "seed": 42, "epochs": 3},
        base={"path": str(base), "hash": base_hash(base), "pad": tokenizer.token_to_id("<pad>")},
        tokens={"eval": {"sha256": tokens.sha256()}}, plan={"rows": len(tokens)}, result={"steps": 1, "epochs": 1},
    )  # fmt: skip
    (path / "data").mkdir()
    save_tokens(path / "data" / "eval.npz", tokens)
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(base)
    adapted = get_peft_model(model, LoraConfig(r=r, lora_alpha=2 * r, target_modules=targets, task_type="CAUSAL_LM", **config))
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.copy_(torch.randn_like(weight) * size)
    adapted.save_pretrained(path / "adapter")
    run.update(state="trained", output="adapter")
    return run
