"""The network a deployment's region runs in."""
