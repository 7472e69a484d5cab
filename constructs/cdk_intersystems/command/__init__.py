"""The command `cdk-intersystems`. Needs the extra `command` (typer, rich, pydantic, PyYAML), never the CDK."""
