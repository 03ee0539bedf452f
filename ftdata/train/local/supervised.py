"""Supervised training: transformers' Trainer with our rows, our loss and an evaluation that counts tokens."""

from __future__ import annotations

from typing import Any

from transformers import Trainer, TrainingArguments

from ftdata.errors import UsageError
from ftdata.train.local.loss import packs_cleanly, supervise
from ftdata.train.local.recipe import Recipe
from ftdata.train.local.rows import Collator, Rows
from ftdata.train.tokens import TokenSet


class SupervisedTrainer(Trainer):  # type: ignore[misc]
    """A Trainer whose evaluation loss is the mean over trained tokens, whatever the batches are."""

    way = ""
    control: Any

    def evaluate(self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval") -> dict[str, float]:
        """Evaluate, log and tell the callbacks, as the original does."""
        import torch

        loader = self.get_eval_dataloader(eval_dataset)
        model = self.model
        model.eval()
        total = torch.zeros(2, dtype=torch.float64, device="cpu")
        with torch.no_grad():
            for batch in loader:
                batch = self._prepare_inputs(batch)
                with self.compute_loss_context_manager():
                    loss = model(**batch, num_items_in_batch=1).loss
                total += torch.tensor([float(loss), float((batch["labels"][:, 1:] != -100).sum())], dtype=torch.float64)
        summed = self.accelerator.reduce(total.to(self.args.device, torch.float32)) if self.args.world_size > 1 else total
        metrics = {f"{metric_key_prefix}_loss": float(summed[0] / max(1.0, float(summed[1])))}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def make_trainer(
    model: Any, recipe: Recipe, tokens: TokenSet, held: TokenSet | None, pad: int, callbacks: list[Any], arguments: dict[str, Any]
) -> SupervisedTrainer:
    """The trainer of a run. Raises UsageError where packing was asked for and sequences of one row would see each other."""
    if recipe.packing and not packs_cleanly(model):
        raise UsageError("--packing: in this model packed samples would see each other", "Leave --packing out.")
    way = supervise(model)
    trainer = SupervisedTrainer(
        model=model,
        args=TrainingArguments(**arguments),
        data_collator=Collator(pad, packing=recipe.packing),
        train_dataset=Rows(tokens, packing=recipe.packing, max_length=recipe.max_length),
        eval_dataset=Rows(held, packing=recipe.packing, max_length=recipe.max_length) if held is not None else None,
        callbacks=callbacks,
    )
    # Our loss divides by the trained tokens of the whole update.
    trainer.model_accepts_loss_kwargs = True
    trainer.way = way
    return trainer
