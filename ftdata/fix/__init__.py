"""FIX: findings become edits of the rows, and what is fixed is judged again.

An edit changes what it names and not one byte more; a row that cannot stay is dropped with its rule and reason.
"""
