LEAST = (60, 16)
"""Columns and rows below which the lab cannot be read."""
