"""What the size of the data, its goal and the model suggest, each with its reason. It is told, not done."""

from __future__ import annotations

from collections.abc import Iterator

from ftdata.errors import UsageError
from ftdata.train.local.recipe import Recipe
from ftdata.train.shape import Shape


def advice(samples: int, goal: str | None, recipe: Recipe, trained_tokens: int, updates: int) -> list[str]:
    """What the size of the data suggests, each with its reason. It changes nothing by itself. ``updates`` of the weights is of all epochs.

    Under 100 samples more than three epochs are learned by heart; above 5,000 one or two are enough; below 50 updates a run ends
    before the learning rate has warmed up (rules of thumb of the providers' guides, read 2026-11-23).
    """
    return [*_by_size(samples, recipe, trained_tokens, updates), *_by_goal(goal, recipe)]


def _by_size(samples: int, recipe: Recipe, trained_tokens: int, updates: int) -> Iterator[str]:
    if samples < 100 and recipe.epochs > 3:
        yield f"{samples} samples in {recipe.epochs:g} epochs are learned by heart: --epochs 3, and watch the evaluation loss"
    if samples > 5_000 and recipe.epochs > 2:
        yield f"{samples:,} samples rarely need {recipe.epochs:g} epochs: begin with --epochs 1"
    if updates < 50 and recipe.batch_size * recipe.accumulation > 1:
        yield f"only {updates} updates of the weights: a smaller --batch-size gives more of them"
    if samples < 1_000 and recipe.method == "full":
        yield f"{samples} samples move all weights: an adapter forgets less of what the model knew (--method lora)"
    if recipe.method != "full" and recipe.r >= 64 and samples < 1_000:
        yield f"an adapter of rank {recipe.r} has room for {samples} samples by heart: --r 8 or 16"
    if recipe.method == "full" and recipe.learning_rate > 1e-4:
        yield f"--learning-rate {recipe.learning_rate:g} is an adapter's: full fine-tuning takes 1e-5 to 5e-5"
    if recipe.method != "full" and recipe.learning_rate < 5e-5:
        yield f"--learning-rate {recipe.learning_rate:g} is one for all weights: adapters take 1e-4 to 3e-4"
    if trained_tokens and trained_tokens / max(1, samples) < 8:
        yield "the answers are very short: the loss is an average over few tokens, so look at answers, not at the loss alone"


def _by_goal(goal: str | None, recipe: Recipe) -> Iterator[str]:
    if recipe.method == "full":
        return
    if goal == "style" and recipe.r > 32:
        yield f"a style takes less room than rank {recipe.r}: --r 8 or 16"
    if goal == "domain" and recipe.targets == ("q_proj", "v_proj"):
        yield "new knowledge goes into the MLP: --targets all-linear"
    if goal == "domain" and recipe.r < 32:
        yield "a domain takes more room than a style: --r 32 or 64"


def check_adapter(shape: Shape, recipe: Recipe) -> None:
    """Raise UsageError where peft would refuse the adapter after the weights are loaded: no such layer, or dropout inside experts."""
    if recipe.method == "full" or not shape.known:
        return
    if not shape.chosen(recipe.targets):
        raise UsageError(
            f"--targets {','.join(recipe.targets)}: {shape.kind} has no such layers",
            f"It has {', '.join(shape.linear())}; or all-linear.",
        )
    if shape.experts and shape.adapted_experts and recipe.targets == ("all-linear",) and recipe.dropout > 0:
        raise UsageError(
            f"--dropout {recipe.dropout:g}: the adapters in the experts of {shape.kind} have none",
            "Add --dropout 0, or leave the experts out: --targets q_proj,k_proj,v_proj,o_proj.",
        )


def cautions(shape: Shape, recipe: Recipe) -> Iterator[str]:
    """Yield what is easily overlooked in this model, and what peft will refuse."""
    try:
        check_adapter(shape, recipe)
    except UsageError as error:
        yield f"{error.message}. {error.hint}"
    if recipe.method != "full" and recipe.targets != ("all-linear",):
        missing = [name for name in recipe.targets if name not in shape.linear()]
        if missing and shape.chosen(recipe.targets) and shape.known:
            yield f"{shape.kind} has no {', '.join(missing)}: the adapter is in {', '.join(shape.chosen(recipe.targets))} alone"
    if shape.experts and recipe.method == "qlora":
        share = shape.expert_weights / shape.parameters
        yield f"the experts, {share:.0%} of the weights, stay in 16 bits: bitsandbytes packs linear layers, and they are none"
    if shape.max_length is not None and recipe.max_length > shape.max_length:
        yield f"--max-length {recipe.max_length:,} is more than the {shape.max_length:,} tokens that the model was made for"
