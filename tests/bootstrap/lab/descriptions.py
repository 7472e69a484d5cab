"""Descriptions of plain hosts, which tests change as they need: see `Lab.description`."""

from typing import Any


def plain_description(role: str) -> dict[str, Any]:
    """A complete `host.json` for a role."""
    host = {"member": "a", "arbiter": "arbiter"}.get(role, "server")
    members = {"TRAKA": "10.20.1.10", "TRAKB": "10.20.2.10"}
    subject = "ecp-client" if role == "application" else "TRAKA"
    tls = {"authority": "secret", "private_ca_arn": "", "subject": f"/O=lab/OU=TRAK/CN={subject}", "days": 90}
    web = {"application_tier": "", "server_name": "web.lab.internal", "paths": ["/csp"], "gateway_parameters": {}}
    return {
        "schema": 1,
        "role": role,
        "member_type": "failover" if role == "member" else "",
        "deployment": "lab",
        "group": {"application": "app", "web": "web"}.get(role, "TRAK"),
        "host": host,
        "name": {"member": "TRAKA", "arbiter": "trak-arbiter", "application": "app", "web": "web"}[role],
        "hosts": {**members, "trak-arbiter": "10.20.3.10"},
        "operating_system": "ubuntu2404",
        "architecture": "x86_64",
        "packages_from": "image",
        "packages": None,
        "kit": None,
        "instance": "IRIS",
        "huge_pages": 0,
        "volumes": [],
        "local_storage": False,
        "tls": None if role == "arbiter" else tls,
        "mirror": {
            "name": "TRAK",
            "members": members,
            "arbiter": "10.20.3.10",
            "databases": [],
            "member_subjects": {name: f"CN={name},OU=TRAK,O=lab" for name in members},
            "ecp_subjects": [],
            "created_parameter": "/cdk-intersystems/lab/TRAK/created",
            "authority_parameter": "/cdk-intersystems/lab/TRAK/authority",
            "others": {},
            "other_authority_region": "",
        },
        "web": web if role == "web" else None,
        "service_ports": [1972] if role == "member" else [],
        "lifecycle_hook": "",
        "call_out": None,
        "region": None,
    }
