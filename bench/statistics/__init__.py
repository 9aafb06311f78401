"""Intervals, paired tests and their power, agreement: numbers in, numbers out; no records of a run."""
