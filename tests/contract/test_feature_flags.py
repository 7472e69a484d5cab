"""cdk.json has all feature flags that the CDK recommends, but for two."""

import json
import tarfile
from pathlib import Path

import aws_cdk

ROOT = Path(__file__).parents[2]

# Why each differs: emptying the default security group takes a custom resource; weak references between stacks would let
# CloudFormation take away what a deployed stack uses.
_DIFFERENT = {
    "@aws-cdk/aws-ec2:restrictDefaultSecurityGroup": False,
    "@aws-cdk/core:defaultCrossStackReferences": "strong",
}


def test_the_flags_are_those_recommended_but_for_two() -> None:
    (bundle,) = (Path(aws_cdk.__file__).parent / "_jsii").glob("*.jsii.tgz")
    with tarfile.open(bundle) as archive:
        stated = archive.extractfile("package/recommended-feature-flags.json")
        assert stated is not None
        recommended = json.load(stated)

    assert len(recommended) > 50
    assert json.loads((ROOT / "cdk.json").read_text())["context"] == {**recommended, **_DIFFERENT}
