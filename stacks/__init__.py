"""The reference application: which constructs stand in which stack, for a deployment described by one YAML file."""
