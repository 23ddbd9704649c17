"""Measurements as ratios in one run. Nothing here is imported by the product."""
