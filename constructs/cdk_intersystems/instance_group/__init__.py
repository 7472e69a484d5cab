"""A group of like servers under Auto Scaling: what an application tier and a web tier have in common."""
