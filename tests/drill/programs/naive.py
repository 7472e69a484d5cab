"""Moves an overlay address as scripts that people have published do: deletes the route, then creates it, table by table.

`naive.py ENDPOINT REGION ACCOUNT VPC VIP INSTANCE`. No epoch, no order, nothing looked at afterwards. See "the incumbent code"
in docs/how-to/drill.md.
"""

import sys

import boto3
from botocore.exceptions import ClientError


def main(endpoint: str, region: str, account: str, vpc: str, vip: str, instance: str) -> None:  # noqa: PLR0917
    ec2 = boto3.client(
        "ec2", endpoint_url=endpoint, region_name=region, aws_access_key_id=account, aws_secret_access_key="embedded"
    )
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    for table in tables:
        place = {"RouteTableId": table["RouteTableId"], "DestinationCidrBlock": f"{vip}/32"}
        try:
            ec2.delete_route(**place)
        except ClientError as error:
            print(error)
        ec2.create_route(**place, InstanceId=instance)


if __name__ == "__main__":
    main(*sys.argv[1:])
