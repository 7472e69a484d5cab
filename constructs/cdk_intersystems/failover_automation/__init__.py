"""What leads clients to the primary of a mirror when it fails over."""
