"""SPLIT: training and evaluation data that share nothing: no near-duplicate, no conversation, no question."""

from ftdata.split.assign import Assignment, Settings, assign
from ftdata.split.groups import Groups, find_groups

__all__ = ["Assignment", "Groups", "Settings", "assign", "find_groups"]
