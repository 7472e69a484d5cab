"""Rehearses a promotion on a clone of a DR member: made from snapshots, where it reaches nobody, and deleted afterwards."""
