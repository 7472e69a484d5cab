"""The automation that changes a mirror's members one at a time."""
