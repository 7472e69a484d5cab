"""`dns`: the names that clients know the deployment by."""

from typing import Annotated

from .section import Section, Switch, Text, identifier, key, matching

# Source: RFC 1035, 2.3.4: 63 characters a label, 255 octets a name, which are 253 characters as it is written.
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_ZONE = "needs a domain name in lower case, like example.org, each part up to 63 of a-z, 0-9 and -"
LONGEST_NAME = 253


class DnsConfig(Section):
    """A Route 53 hosted zone, and the deployment's name in it."""

    zone: Annotated[Text, matching(rf"({_LABEL}\.)+{_LABEL}", _ZONE)] = key(
        "Domain name of the hosted zone.", example="example.org"
    )
    zone_id: Annotated[Text, identifier("hosted-zone")] = key("Id of the hosted zone.", example="Z0123456789ABC")
    name: Annotated[Text, matching(_LABEL, "needs one label of a domain name: up to 63 of a-z, 0-9 and -")] = key(
        "Name of the deployment in the zone. Web tier `web` answers at `web.<name>.<zone>`, the endpoint of mirror set `TRAK` "
        f"at `trak.<name>.<zone>`, its virtual IP (`route_vip`) at `trak-vip.<name>.<zone>`, at most {LONGEST_NAME} characters "
        "in all; a tier's certificate has to be for that name.",
        example="trakcare",
    )
    private: Switch = key(
        "Whether it is a private hosted zone, which only the VPCs it is associated with resolve: those of both regions, and "
        "the networks outside AWS through a resolver's endpoint. Health checks then never ask an address.",
        default=False,
        example=False,
    )
