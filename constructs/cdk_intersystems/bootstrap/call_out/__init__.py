"""The call-out: how a member that becomes primary has the clients of the mirror endpoint led to it."""
