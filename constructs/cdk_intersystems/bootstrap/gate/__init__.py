"""The gate of a failover member on the host: see docs/adr/0005-the-gate-on-the-member.md."""
