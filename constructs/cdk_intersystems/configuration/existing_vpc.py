"""`regions.<role>.existing`: a VPC that exists already."""

from typing import Annotated

from .section import Cidr, Section, Text, identifier, key


class Subnet(Section):
    """A subnet of an existing VPC."""

    id: Annotated[Text, identifier("subnet")] = key("Id of the subnet.", example="subnet-0123456789abcdef0")
    zone: Text = key("Its Availability Zone, one of `availability_zones`.", example="eu-west-2a")
    cidr: Cidr = key(
        "Its range. Data and arbiter subnets are a /26 or larger: their second sixteen addresses are for members.",
        example="10.20.144.0/20",
    )
    route_table: Annotated[Text, identifier("route-table")] = key(
        "Id of the route table the subnet is associated with.", example="rtb-0123456789abcdef0"
    )


class Subnets(Section):
    """The subnets of an existing VPC by tier: of each tier that is used exactly three, one in each Availability Zone."""

    public: tuple[Subnet, ...] = key(
        "Subnets with a route to an Internet gateway; needed by internet-facing web tiers.", default=(), example=[]
    )
    web: tuple[Subnet, ...] = key("Subnets of the web servers; needed by web tiers.", default=(), example=[])
    application: tuple[Subnet, ...] = key(
        "Subnets of the application servers; needed by application tiers.", default=(), example=[]
    )
    data: tuple[Subnet, ...] = key("Subnets of the failover members.")
    arbiter: tuple[Subnet, ...] = key("Subnets of the arbiters.")


class ExistingVpc(Section):
    """A VPC that exists already, taken as it is."""

    vpc_id: Annotated[Text, identifier("vpc")] = key("Id of the VPC.", example="vpc-0123456789abcdef0")
    cidr: Cidr = key("Its range.", example="10.20.0.0/16")
    subnets: Subnets = key("Its subnets.")
    route_tables: tuple[Annotated[Text, identifier("route-table")], ...] = key(
        "Ids of further route tables of the VPC that lead the virtual IP of a mirror set (`route_vip`), beside those of the "
        "subnets above: of subnets whose instances are clients.",
        default=(),
        example=["rtb-0123456789abcdef0"],
    )
    endpoints_security_group: Annotated[Text, identifier("security-group")] | None = key(
        "Id of the security group of its interface endpoints; the deployment's instances are let in, and may open connections "
        "to it. Without, they reach AWS's services only over the Internet, so `internet: true` is needed.",
        default=None,
        default_text="none; then `internet: true` is needed",
        example="sg-0123456789abcdef0",
    )
