"""The mirror_status responder of a failover member; it runs on the host, from its own file alone."""
