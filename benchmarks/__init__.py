"""Benchmarks: each prints ratios measured in one run, because absolute figures move with the machine."""
