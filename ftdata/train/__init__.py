"""TRAIN: what passes the checks becomes tokens, a plan and a run. Only ``ftdata.train.local`` imports torch."""
