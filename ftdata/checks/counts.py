"""FT6: how many samples there are, for the goal and for the target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ftdata.rule import DATA, At, Hit, at, hit, rule
from ftdata.types import Sample


@rule(
    "FT601", "too-few-samples", category="correctness", scope="dataset", kinds=DATA, on=False,
    params={"minimum": 0, "recommended": 0, "enough": None},
    message="{count} distinct training samples, this goal needs at least {minimum}: {missing} more",
    help="write more samples, or choose a smaller goal",
)  # fmt: skip
def too_few_samples(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """Fewer distinct training samples than the goal needs.

    ## Why
    Style needs about 50 samples to show at all, a new task 100, a domain 500; below that the model memorises single
    answers. Duplicates do not count.

    ## Example
    30 samples for a persona.

    ## Fix safety
    No fix: write more samples.
    """
    count = distinct(data)
    if count < p["minimum"]:
        yield hit(None, count=count, missing=p["minimum"] - count)


@rule(
    "FT602", "few-samples", category="suspicious", scope="dataset", kinds=DATA, on=False,
    params={"minimum": 0, "recommended": 0, "enough": None},
    message="{count} distinct training samples; {recommended} are recommended for this goal",
    help="it will train; more varied samples will make it better",
)  # fmt: skip
def few_samples(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """Fewer distinct training samples than the goal recommends, though more than its minimum.

    ## Why
    Recommended are 200 to 500 for a style, 500 to 1,000 for a new task, 2,000 and more for a domain.

    ## Example
    120 samples for a persona.

    ## Fix safety
    No fix: write more samples.
    """
    count = distinct(data)
    if p["minimum"] <= count < p["recommended"]:
        yield hit(None, count=count)


@rule(
    "FT603", "sample-count", category="quality", scope="dataset", kinds=DATA, on=False,
    params={"minimum": 0, "recommended": 0, "enough": None},
    message="{count} distinct training samples; {advice}",
)  # fmt: skip
def sample_count(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """The number of distinct training samples, where it is at or above the goal's recommendation.

    ## Why
    So that the number is known, and one does not collect data beyond its use.

    ## Example
    720 samples for a persona, where 200 to 500 are recommended.

    ## Fix safety
    Nothing to fix.
    """
    count = distinct(data)
    if count >= p["recommended"] > 0:
        enough = p["enough"]
        band = f"{p['recommended']:,} to {enough:,}" if enough else f"{p['recommended']:,} or more"
        more = "; from here on variety helps more than number" if enough and count > enough else ""
        yield hit(None, count=count, advice=f"{band} are recommended for this goal{more}")


@rule(
    "FT604", "too-few-for-target", category="correctness", scope="dataset", kinds=DATA, on=False,
    params={"minimum": 1}, catalogue=["C001"],
    message="{path} has {count} samples, the target needs at least {minimum}", help="add samples: the job is refused",
)  # fmt: skip
def too_few_for_target(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """Fewer samples in a training file than the target takes.

    ## Why
    OpenAI: "Training file has 7 example(s), but must have at least 10 examples".

    ## Example
    A trial file of 5 rows.

    ## Fix safety
    No fix: write more samples.
    """
    for number, counted in enumerate(data.files):
        report = counted.report
        if report.role == "train" and not report.error and report.samples < p["minimum"]:
            yield hit(data.first_of_file(number), path=report.path, count=report.samples)


@rule(
    "FT605", "too-many-for-target", category="correctness", scope="dataset", kinds=DATA, on=False,
    params={"maximum": 1000000}, catalogue=["C003"],
    message="{path} has {count} samples, the target takes at most {maximum}", help="draw a sample, or split the job",
)  # fmt: skip
def too_many_for_target(data: Any, p: dict[str, Any]) -> Iterator[Hit]:
    """More samples in a file than the target takes.

    ## Why
    The job is refused after the upload.

    ## Example
    60,000 rows for OpenAI reinforcement fine-tuning, which takes 50,000.

    ## Fix safety
    No fix here: which samples to leave out is a choice.
    """
    for number, counted in enumerate(data.files):
        if counted.report.samples > p["maximum"]:
            yield hit(data.first_of_file(number), path=counted.report.path, count=counted.report.samples)


def distinct(data: Any) -> int:
    """How many different samples the training files hold."""
    return int(data.train["id"].n_unique())


@rule(
    "FT606", "media-limits", category="suspicious", scope="structure", on=False, catalogue=["C005", "C006", "P301"],
    params={"per_sample": 10, "by_url": True, "roles": ["user", "tool", "system", "developer"]},
    message="{what}", help="change the sample: it is refused, or left out without a word",
)  # fmt: skip
def media_limits(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """Images that the target does not take: too many in a sample, by address, or in a turn of the wrong role.

    ## Why
    OpenAI skips such a sample without a word: the job runs, and has not seen it. Together takes base64 only.

    ## Example
    Twelve screenshots in one conversation, where OpenAI takes ten; an image in an assistant turn.

    ## Fix safety
    No fix: which images matter is unknown.
    """
    count = 0
    for message in s.turns():
        images = [part for part in message.content if part.type == "image"] if isinstance(message.content, list) else []
        count += len(images)
        if images and message.role not in p["roles"]:
            yield at(message, what=f"an image in a turn of the role {message.role}, where the target takes none")
        if not p["by_url"] and any(part.url and not part.url.startswith("data:") for part in images):
            yield at(message, what="an image by its address; the target takes only the data itself, as base64")
    if count > p["per_sample"]:
        yield at(pointer="", what=f"{count} images, the target takes {p['per_sample']} in a sample")


@rule(
    "FT607", "media-placeholders", category="suspicious", scope="content", catalogue=["C007"],
    when=lambda s: bool(s.media),
    message="{found} {placeholder} placeholders for {expected} {column}", help="one placeholder per file, in the same order",
)  # fmt: skip
def media_placeholders(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """A different number of ``<image>``, ``<video>`` or ``<audio>`` placeholders than files.

    ## Why
    LLaMA-Factory, TRL and MS-Swift stop at the row.

    ## Example
    ``"<image>What is this?"`` with two paths in ``images``.

    ## Fix safety
    No fix: which file belongs where is unknown.
    """
    for column, placeholder in (("images", "<image>"), ("videos", "<video>"), ("audios", "<audio>")):
        files = s.media.get(column)
        if not isinstance(files, list):
            continue
        found = sum(message.text.count(placeholder) for message in s.turns())
        if found != len(files):
            yield at(pointer=f"/{column}", found=found, expected=len(files), placeholder=placeholder, column=column)


@rule(
    "FT608", "trained-image", category="suspicious", scope="structure", on=False, catalogue=["P301"],
    message="a turn with an image has the weight 1", help="leave the weight out: the turn is not trained in any case",
    fix_safety="safe",
)  # fmt: skip
def trained_image(s: Sample, p: dict[str, Any]) -> Iterator[At]:
    """An image in a turn that is to be trained.

    ## Why
    Together refuses it: "Messages with images cannot have non-zero weights."

    ## Example
    ``{"role": "user", "content": [{"type": "image_url", ...}], "weight": 1}``

    ## Fix safety
    Safe outside the assistant's turns, which alone are trained: the weight is removed.
    """
    for message in s.turns():
        images = isinstance(message.content, list) and any(part.type == "image" for part in message.content)
        if images and message.weight_key == "weight" and message.weight is not None and message.weight not in (0, False):
            yield at(message, key="weight")
