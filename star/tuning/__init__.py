"""Kept samples -> trained weights: rows, the fine-tune, its processes, and what it leaves."""
