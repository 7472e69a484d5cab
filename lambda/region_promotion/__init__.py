"""Moves a mirror set from one region to the other: promotion, switchover, fail-back, each by a person's decision."""
