"""The rules of a deployment that need neither AWS nor the CDK: topology, addresses, ports, storage, facts.

Everything in here is plain Python of the standard library. Each module is imported by its own name
(`from cdk_intersystems.model import addresses`); nothing is imported from here, so that nobody pays for what they do not
use. The tables of facts in `data/` are read when they are first asked for.
"""
