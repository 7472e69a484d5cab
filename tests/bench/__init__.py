"""How long synthesis takes and how much memory, side by side with the least a CDK app can do: `python -m tests.bench`."""
