"""MEASURE: samples become a table of numbers about samples; only the columns that somebody asked for."""
