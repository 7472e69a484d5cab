"""Auto Scaling tiers of web servers behind an Application Load Balancer."""
