"""Auto Scaling tiers of ECP application servers."""
