"""What runs on the instances."""
