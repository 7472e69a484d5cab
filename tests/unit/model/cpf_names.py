"""The names a merge file may have, as InterSystems documents them: what is rendered is held against this table.

Sources: Configuration Parameter File Reference (sections, keys, and the actions with their own properties); the class
reference for the properties an action passes on to a class, named behind it. Only what this library has a use for.
"""

from typing import Final

SECTIONS: Final[dict[str, frozenset[str] | None]] = {
    "Startup": frozenset({"SystemMode", "DefaultPort", "PasswordHash"}),
    "config": frozenset(
        {"globals", "routines", "gmheap", "jrnbufs", "locksiz", "bbsiz", "memlock", "wijdir", "MaxServers", "MaxServerConn"}
    ),
    "Journal": frozenset(
        {
            "CurrentDirectory",
            "AlternateDirectory",
            "FileSizeLimit",
            "DaysBeforePurge",
            "BackupsBeforePurge",
            "CompressFiles",
            "FreezeOnError",
        }
    ),
    # Each key is the name of a data server.
    "ECPServers": None,
}

ACTIONS: Final[dict[str, frozenset[str]]] = {
    "ModifyService": frozenset({"Name", "Enabled", "AutheEnabled"}),
    "CreateResource": frozenset({"Name", "Description", "PublicPermission"}),
    "CreateDatabase": frozenset(
        {
            "Name",
            "Directory",
            "Server",
            "LogicalOnly",
            "ResourceName",
            "Size",
            "MaxSize",
            "MirrorSetName",
            "MirrorDBName",
            "Seed",
        }
    ),
    "CreateNamespace": frozenset({"Name", "Globals", "Routines", "TempGlobals", "Interop"}),
    # Security.SSLConfigs
    "CreateSSLConfig": frozenset(
        {
            "Name",
            "Type",
            "VerifyPeer",
            "VerifyDepth",
            "CAFile",
            "CertificateFile",
            "PrivateKeyFile",
            "PrivateKeyType",
            "TLSMinVersion",
            "TLSMaxVersion",
        }
    ),
    # Security.Servers
    "ModifyServer": frozenset({"Port", "BindAddress", "SSLConfig", "SSLSupportLevel"}),
    # Security.System
    "ModifySystem": frozenset({"Name", "SSLECPServer", "AutheEnabled"}),
    # Security.Users, with PasswordHash instead of Password
    "ModifyUser": frozenset({"Name", "PasswordHash"}),
    # MirrorInfo of SYS.Mirror.CreateNewMirrorSet(), from UseSSL on
    "ConfigMirror": frozenset(
        {
            "Name",
            "Member",
            "Primary",
            "SystemName",
            "SSLDir",
            "ArbiterURL",
            "UseSSL",
            "QOSTimeout",
            "ECPAddress",
            "MirrorAddress",
            "AgentAddress",
            "AgentPort",
            "AllowParallelDejournaling",
            "CompressionForFailoverMembers",
            "CompressionTypeForFailoverMembers",
            "CompressionForAsyncMembers",
            "CompressionTypeForAsyncMembers",
        }
    ),
}

#: What the documentation names and a merge file of ours never has: `CreateMirror` writes a record and makes no mirror.
FORBIDDEN_ACTIONS: Final = frozenset({"CreateMirror"})
