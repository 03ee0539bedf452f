"""What is exported says what base and adapter say, or is not there; GGUF files are read back by readers that are not ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("transformers")

from click.testing import CliRunner
from tiny_export import FAMILIES, make_family, make_run

from ftdata.cli.export import command
from ftdata.errors import ReadError, UsageError
from ftdata.train.export import prove, source
from ftdata.train.export.merge import merge, write_merged
from ftdata.train.export.prove import make_reference
from ftdata.train.export.source import ExportError, open_source, whole_folder
from ftdata.train.runs import base_hash, open_run

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    """A tiny Llama with a run on it, for all tests that change neither."""
    folder = tmp_path_factory.mktemp("llama")
    make_family(folder / "base", "llama")
    make_run(folder / "run", folder / "base")
    return folder


def run(*arguments):
    return CliRunner().invoke(command, list(map(str, arguments)), standalone_mode=False, catch_exceptions=True)


def logits(folder, ids, **more):
    import torch
    from transformers import AutoModelForCausalLM

    with torch.no_grad():
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **more)(torch.tensor([ids])).logits[0]


# --- merged -----------------------------------------------------------------------------------------


def test_a_merged_model_says_what_base_and_adapter_say(llama, tmp_path):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    result = run(llama / "run", "-o", tmp_path / "merged", "--merge")
    assert result.exception is None and "differ by at most" in result.output
    ids = [5, 9, 200, 31, 77]
    base = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(llama / "base"), llama / "run" / "adapter").eval()
    with torch.no_grad():
        wanted = base(torch.tensor([ids])).logits[0]
    assert torch.allclose(wanted, logits(tmp_path / "merged", ids), atol=1e-4)
    assert not torch.allclose(wanted, logits(llama / "base", ids), atol=1.0)
    names = {path.name for path in (tmp_path / "merged").iterdir()}
    assert {"tokenizer.json", "tokenizer_config.json", "config.json", "ftdata.json", "README.md"} <= names
    facts = json.loads((tmp_path / "merged" / "ftdata.json").read_text())
    assert facts["export"]["difference"] <= facts["export"]["tolerance"]
    assert [path.name for path in tmp_path.iterdir()] == ["merged"]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_number_type_of_the_checkpoint_is_kept(tmp_path, dtype):
    from safetensors import safe_open

    make_run(tmp_path / "run", make_family(tmp_path / "base", "qwen2", dtype=dtype))
    found = open_source(tmp_path / "run")
    proof = merge(found, tmp_path / "merged", make_reference(found), lambda text: None)
    assert proof.passed and proof.difference > 0 and proof.effect > 5 * proof.tolerance
    with safe_open(tmp_path / "merged" / "model.safetensors", "pt") as file:
        kinds = {str(file.get_tensor(name).dtype) for name in file.keys()}  # noqa: SIM118
    assert kinds == {f"torch.{dtype}"}


def test_an_adapter_on_another_base_of_the_same_shape_is_refused(llama, tmp_path):
    make_family(tmp_path / "other", "llama", seed=5)
    with pytest.raises(UsageError, match="not the model that this run was trained on"):
        open_source(llama / "run", base=tmp_path / "other")
    shutil.copytree(llama / "base", tmp_path / "moved")
    assert open_source(llama / "run", base=tmp_path / "moved").base == tmp_path / "moved"


def test_weights_that_are_not_the_merged_ones_are_not_kept(llama, tmp_path, monkeypatch):
    def only_the_base(found, half):
        shutil.copyfile(found.base / "model.safetensors", half / "model.safetensors")
        shutil.copyfile(found.base / "config.json", half / "config.json")
        return "float32"

    monkeypatch.setattr("ftdata.train.export.merge.write_merged", only_the_base)
    found = open_source(llama / "run")
    with pytest.raises(ExportError, match="differ from those of base and adapter"):
        merge(found, tmp_path / "merged", make_reference(found), lambda text: None)
    assert list(tmp_path.iterdir()) == []


def test_an_adapter_that_rounding_wipes_out_is_not_merged(tmp_path):
    make_run(tmp_path / "run", make_family(tmp_path / "base", "qwen2", dtype="bfloat16"), size=1e-4)
    found = open_source(tmp_path / "run")
    with pytest.raises(ExportError, match="lost when the weights are rounded"):
        merge(found, tmp_path / "merged", make_reference(found), lambda text: None)
    assert not (tmp_path / "merged").exists()


def test_a_full_disk_leaves_nothing_half(llama, tmp_path, monkeypatch):
    import safetensors.torch

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    monkeypatch.setattr("transformers.modeling_utils.safe_save_file", full)
    found = open_source(llama / "run")
    with pytest.raises(ExportError, match="disk is full"):
        merge(found, tmp_path / "merged", make_reference(found), lambda text: None)
    assert list(tmp_path.iterdir()) == []


def test_an_adapter_is_never_merged_into_a_base_of_four_bits(llama, tmp_path):
    shutil.copytree(llama / "base", tmp_path / "base")
    shutil.copytree(llama / "run", tmp_path / "run")
    config = json.loads((tmp_path / "base" / "config.json").read_text())
    (tmp_path / "base" / "config.json").write_text(json.dumps(config | {"quantization_config": {"load_in_4bit": True}}))
    opened = open_run(tmp_path / "run")
    opened.update(base={"path": str(tmp_path / "base"), "hash": base_hash(tmp_path / "base")})
    found, reference = open_source(tmp_path / "run"), make_reference(open_source(llama / "run"))
    with pytest.raises(UsageError, match="quantised"):
        merge(found, tmp_path / "merged", reference, lambda text: None)
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError("8192 requested and 4520 written"),
                                   RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")])  # fmt: skip
def test_a_full_disk_is_called_so_whoever_says_it(tmp_path, error):
    with pytest.raises(ExportError, match="disk is full"), whole_folder(tmp_path / "out"):
        raise error
    assert list(tmp_path.iterdir()) == []


def test_too_little_space_is_said_before_anything_is_written(tmp_path):
    with pytest.raises(ExportError, match="MB left"):
        source.need_space(tmp_path / "a" / "b", 1 << 60)


def test_a_folder_appears_only_when_its_block_ends_well(tmp_path):
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "out") as half:
        (half / "file").write_text("half")
        raise RuntimeError("in the middle")
    assert list(tmp_path.iterdir()) == []
    with whole_folder(tmp_path / "out") as half:
        (half / "file").write_text("whole")
    assert (tmp_path / "out" / "file").read_text() == "whole"
    with pytest.raises(UsageError, match="there already"), whole_folder(tmp_path / "out"):
        pass


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"state": "training"}, ReadError, "not trained to its end"),
        ({"backend": "openai"}, UsageError, "with a service"),
        ({"base": {"path": "/nowhere", "hash": "0"}}, ReadError, "is not there"),
    ],
)
def test_a_run_that_cannot_be_exported_says_why(llama, tmp_path, change, error, words):
    shutil.copytree(llama / "run", tmp_path / "run")
    open_run(tmp_path / "run").update(**change)
    with pytest.raises(error, match=words):
        open_source(tmp_path / "run")


def test_wrong_folders_and_flags_are_explained(llama, tmp_path):
    for arguments, words in (
        ([tmp_path, "-o", tmp_path / "x", "--merge"], "no run in this folder"),
        ([llama / "run", "-o", tmp_path / "x"], "export as what"),
        ([llama / "run", "-o", llama, "--merge"], "there already"),
        ([llama / "run", "-o", tmp_path / "x", "--merge", "--type", "f16"], "for GGUF files"),
    ):
        assert words in run(*arguments).exception.message


def test_the_tolerances_are_far_below_what_an_adapter_does():
    assert max(prove.TOLERANCE.values()) < 1


# --- GGUF -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_a_gguf_of_every_family_says_what_base_and_adapter_say(family, tmp_path):
    gguf = pytest.importorskip("gguf")
    make_run(tmp_path / "run", make_family(tmp_path / "base", family))
    result = run(tmp_path / "run", "-o", tmp_path / "out", "--gguf")
    assert result.exception is None, result.exception
    reader = gguf.GGUFReader(tmp_path / "out" / "adapter.gguf")
    assert reader.fields["general.type"].contents() == "adapter"
    assert reader.fields["adapter.type"].contents() == "lora"
    assert reader.fields["adapter.lora.alpha"].contents() == 8.0
    names = {tensor.name for tensor in reader.tensors}
    assert all(name.endswith((".weight.lora_a", ".weight.lora_b")) for name in names) and len(names) >= 4 * 2 * 2
    model = gguf.GGUFReader(tmp_path / "out" / "model.gguf")
    assert model.fields["tokenizer.chat_template"].contents().startswith("{% for message")
    assert model.fields["tokenizer.ggml.pre"].contents() == "qwen2"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "README.md",
        "adapter.gguf",
        "ftdata.json",
        "model.gguf",
    ]


@pytest.mark.parametrize("outtype", ["f32", "f16", "bf16"])
def test_a_merged_gguf_holds_the_tuned_model_in_each_number_type(llama, tmp_path, outtype):
    gguf = pytest.importorskip("gguf")
    result = run(llama / "run", "-o", tmp_path / "out", "--gguf", "--merged", "--type", outtype)
    assert result.exception is None and not (tmp_path / "out" / "adapter.gguf").exists()
    reader = gguf.GGUFReader(tmp_path / "out" / "model.gguf")
    kinds = {tensor.tensor_type.name for tensor in reader.tensors if len(tensor.shape) == 2}
    assert kinds == {outtype.upper()}
    assert "rope_freqs.weight" in {tensor.name for tensor in reader.tensors}


def test_an_adapter_whose_rows_are_not_permuted_is_noticed(llama, tmp_path, monkeypatch):
    pytest.importorskip("gguf")
    from ftdata.train.export.gguf import write

    original = write.permute_for
    monkeypatch.setattr(
        write, "permute_for", lambda name, values, made: values if "lora_B" in name else original(name, values, made)
    )
    result = run(llama / "run", "-o", tmp_path / "out", "--gguf")
    assert isinstance(result.exception, ExportError) and not (tmp_path / "out").exists()


@pytest.mark.parametrize("config", [{"use_rslora": True}, {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"v_proj": 3}}])
def test_scales_that_llama_cpp_does_not_know_are_in_the_weights(tmp_path, config):
    pytest.importorskip("gguf")
    make_run(tmp_path / "run", make_family(tmp_path / "base", "qwen2"), **config)
    assert run(tmp_path / "run", "-o", tmp_path / "out", "--gguf").exception is None


def test_an_adapter_that_a_lora_cannot_say_is_refused_with_the_way_out(tmp_path):
    pytest.importorskip("gguf")
    make_run(tmp_path / "run", make_family(tmp_path / "base", "qwen2"), use_dora=True)
    result = run(tmp_path / "run", "-o", tmp_path / "out", "--gguf")
    assert "use_dora" in result.exception.message and "--merged" in result.exception.hint
    assert not (tmp_path / "out").exists()
    assert run(tmp_path / "run", "-o", tmp_path / "out", "--gguf", "--merged").exception is None


def test_a_model_that_is_not_written_is_refused_with_llama_cpps_command(llama, tmp_path):
    pytest.importorskip("gguf")
    from ftdata.train.export.gguf.architecture import architecture_of

    config = json.loads((llama / "base" / "config.json").read_text())
    for change in ({"architectures": ["MambaForCausalLM"]}, {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0}}):
        with pytest.raises(UsageError) as caught:
            architecture_of(config | change)
        assert "convert_hf_to_gguf.py" in caught.value.hint


def test_ollama_gets_ggufs_and_a_modelfile(llama, tmp_path):
    pytest.importorskip("gguf")
    result = run(llama / "run", "-o", tmp_path / "out", "--ollama")
    assert result.exception is None
    lines = (tmp_path / "out" / "Modelfile").read_text()
    assert "FROM ./model.gguf\nADAPTER ./adapter.gguf\n" in lines and 'PARAMETER stop "<|im_end|>"' in lines
    assert "SYSTEM" not in lines.replace(".System", "") and "TEMPLATE" in lines
    assert not list((tmp_path / "out").glob("*.safetensors"))
    assert "ollama create" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.skipif(
    not os.environ.get("FTDATA_LLAMACPP"), reason="opt-in: FTDATA_LLAMACPP is 1, or a Python that has llama-cpp-python"
)
@pytest.mark.parametrize("family", FAMILIES)
def test_llama_cpp_says_what_base_and_adapter_say(family, tmp_path):
    """Logits and tokens by llama.cpp itself, on base, base with adapter, and the merged model."""
    import numpy as np
    from tokenizers import Tokenizer

    make_run(tmp_path / "run", make_family(tmp_path / "base", family))
    assert run(tmp_path / "run", "-o", tmp_path / "two", "--gguf").exception is None
    assert run(tmp_path / "run", "-o", tmp_path / "one", "--gguf", "--merged").exception is None
    reference = make_reference(open_source(tmp_path / "run"))
    tokenizer = Tokenizer.from_file(str(tmp_path / "base" / "tokenizer.json"))
    texts = [tokenizer.decode(q.ids, skip_special_tokens=False) for q in reference.questions] + ["it's 123\n\n 안녕하세요  x"]
    (tmp_path / "ask.json").write_text(json.dumps({"ids": [q.ids for q in reference.questions], "texts": texts}))
    program = (
        "import sys, json, numpy as np\nfrom llama_cpp import Llama\nmodel, adapter, ask, out = sys.argv[1:]\n"
        "llm = Llama(model, lora_path=adapter or None, n_ctx=512, logits_all=True, verbose=False, n_threads=1)\n"
        "asked, found = json.load(open(ask)), []\n"
        "for ids in asked['ids']:\n    llm.reset(); llm.eval(ids); found.append(np.array(llm.scores[:len(ids)], np.float32))\n"
        "np.savez(out, *found)\n"
        "print(json.dumps([llm.tokenize(t.encode(), add_bos=False, special=True) for t in asked['texts']]))\n"
    )
    python = os.environ["FTDATA_LLAMACPP"] if os.environ["FTDATA_LLAMACPP"] != "1" else sys.executable
    for model, adapter, wanted in (
        ("two/model.gguf", "", reference.base_logits),
        ("two/model.gguf", tmp_path / "two" / "adapter.gguf", reference.logits),
        ("one/model.gguf", "", reference.logits),
    ):
        made = subprocess.run(
            [python, "-c", program, tmp_path / model, str(adapter), tmp_path / "ask.json", tmp_path / "out.npz"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found = np.load(tmp_path / "out.npz")
        for number, question in enumerate(reference.questions):
            assert np.abs(found[f"arr_{number}"][question.positions] - wanted[number].numpy()).max() < 0.02
        assert json.loads(made.stdout) == [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]


def test_write_merged_never_loads_four_bits(llama, tmp_path):
    assert write_merged(open_source(llama / "run"), tmp_path) == "float32"
