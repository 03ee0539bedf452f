"""Local training with transformers, peft and bitsandbytes. Only this package imports torch, and only when a run begins."""
