"""What clients that are not mirror-aware connect to."""
