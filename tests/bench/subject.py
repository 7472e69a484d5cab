"""What is measured, in a process of its own: `python -m tests.bench.subject empty|floor|deployment ...`."""

import os
import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "constructs")]


def empty() -> None:
    """An app with one stack and nothing in it."""
    from aws_cdk import App, Stack

    app = App()
    Stack(app, "empty")
    app.synth()


def floor(modules: list[str]) -> None:
    """The least an app can do that uses the same parts of the CDK as trakcare: one VPC, and the same validation.

    Args:
        modules: The service modules that trakcare loads.
    """
    from aws_cdk import Environment, Stack, Validations

    for module in modules:
        import_module(module)
    from aws_cdk import aws_ec2 as ec2

    from cdk_intersystems.policy.iris_checks import IrisChecks
    from stacks.deployment_app import make_app

    app = make_app()
    stack = Stack(app, "floor", env=Environment(region="eu-west-2"))
    # Without public subnets, about which the validation has something to say.
    private = ec2.SubnetConfiguration(name="private", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    ec2.Vpc(stack, "Vpc", availability_zones=["eu-west-2a", "eu-west-2b"], subnet_configuration=[private])
    Validations.of(app).add_plugins(IrisChecks())
    app.synth()


def deployment(path: str, *regions: str) -> None:
    """A deployment, as app.py does it; with MODULES set, prints the service modules it has loaded.

    Args:
        path: The YAML file.
        regions: The regions whose stacks are defined. Default: all.
    """
    from cdk_intersystems.configuration import load_deployment
    from stacks.deployment_app import define_deployment, make_app

    app = make_app({"regions": ",".join(regions)} if regions else None)
    define_deployment(app, load_deployment(Path(path)))
    app.synth()
    if os.environ.get("MODULES"):
        print("modules:", *sorted(name for name in sys.modules if name.startswith("aws_cdk.aws_") and name.count(".") == 1))


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "empty":
        empty()
    elif what == "floor":
        floor(rest)
    else:
        deployment(*rest)
