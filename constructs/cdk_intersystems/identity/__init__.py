"""IAM roles of the instances."""
