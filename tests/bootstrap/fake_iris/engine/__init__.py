"""The fake InterSystems IRIS itself: what stands on a host that the fake kit was installed on.

It runs with the host's Python and its standard library. It does what InterSystems' documentation says, faults included; each
behaviour names guide and section it follows ("Class Reference" is the public reference of the classes), or says that nothing
public tells. Guides are abbreviated:

HA: High Availability Guide. CPF: Configuration Parameter File Reference. Merge: Automating Configuration of InterSystems IRIS
with Configuration Merge. UNIX: UNIX, Linux, and macOS Installations, and its Details. SAG: System Administration Guide.
Scale: Scalability Guide. TLS, Security: Security guides. Integrity: Data Integrity Guide. Memory: System Resource Planning and
Management.

What can't be wrong in it, because it isn't there: databases hold nothing but numbered records, and the protocols between
instances and agents are its own.
"""
