"""What a group of hosts runs when they start: their bundle, and the parameter that names it."""
