"""A mirrored IRIS database: two failover members, an arbiter, and the endpoint that leads to the primary."""
