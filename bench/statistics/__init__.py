"""Intervals, paired tests, power and agreement: numbers in, numbers out; no records of a run."""
