"""Writes the table of AWS regions and their partitions that `cdk_intersystems.model.regions` reads.

Run it in an environment that has botocore installed, from the root of the repository:

    python local/facts/regions.py
"""

import json
from pathlib import Path

import botocore
from botocore.loaders import create_loader

TABLE = Path(__file__).parents[2] / "constructs/cdk_intersystems/model/data/regions.json"


def main() -> None:
    """Writes every region botocore knows, with its partition."""
    partitions = create_loader().load_data("endpoints")["partitions"]
    regions = {region: partition["partition"] for partition in partitions for region in partition["regions"]}
    table = {
        "source": f"botocore {botocore.__version__}, botocore/data/endpoints.json",
        "generator": "local/facts/regions.py",
        "regions": dict(sorted(regions.items())),
    }
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    print(f"{TABLE.name}: {len(regions)} regions from {table['source']}")


if __name__ == "__main__":
    main()
