"""What turns an empty host into a member, arbiter, application server or web server.

It runs on the hosts with the Python they come with (3.9 on RHEL 9) and its standard library: keep to the syntax of 3.9, and
import only relatively. On a host this package is /opt/cdk-intersystems/bootstrap/host; `cdk-host` beside it starts it.
"""
