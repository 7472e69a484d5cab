"""Hosts that are real as far as that goes without a machine each: real systemd, file systems, block devices and networks."""
