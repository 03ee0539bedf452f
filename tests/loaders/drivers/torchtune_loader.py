"""torchtune's own builder of the companion's `dataset`: config.instantiate, and its transform of every row into messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from job import run


class Recorder:
    """A tokenizer in torchtune's sense, which keeps the messages that torchtune's own would be given to tokenize."""

    max_seq_len = None

    def __init__(self) -> None:
        self.seen: list[list[dict[str, Any]]] = []

    def __call__(self, sample: dict[str, Any], inference: bool = False) -> dict[str, Any]:
        tokens, mask = self.tokenize_messages(sample.pop("messages"))
        return sample | {"tokens": tokens, "mask": mask}

    def tokenize_messages(self, messages: list[Any], **options: Any) -> tuple[list[int], list[bool]]:
        keys = ("role", "content", "masked", "ipython", "eot")
        self.seen.append([{key: getattr(message, key) for key in keys} for message in messages])
        return [0], [False]


def load(job: dict[str, Any]) -> dict[str, Any]:
    import torchtune
    from omegaconf import OmegaConf
    from torchtune import config

    recorder = Recorder()
    dataset = config.instantiate(OmegaConf.load(Path(job["companion"])).dataset, recorder)
    rows = []
    for index in range(len(dataset)):
        recorder.seen = []
        try:
            dataset[index]
        except Exception as error:
            rows.append({"error": f"{type(error).__name__}: {error}"})
        else:
            rows.append({"turns": recorder.seen})
    return {"version": torchtune.__version__, "rows": rows}


if __name__ == "__main__":
    run(load)
