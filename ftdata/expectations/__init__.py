"""Great Expectations: a team's own expectations over our measures and facts, and Data Docs. ``gx.py`` alone imports it."""

from ftdata.expectations.declare import BATCHES, Expectation, check_expectations, read_expectations

__all__ = ["BATCHES", "Expectation", "check_expectations", "read_expectations"]
