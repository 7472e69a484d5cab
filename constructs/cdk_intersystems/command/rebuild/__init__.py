"""Builds a member anew whose journals diverged from the mirror's: with a copy of another member's databases."""
