"""The embedded AWS: an AWS that runs on this machine, and the commands that deploy a deployment into it.

Nothing in here is part of the published package; nothing in the package imports it.
"""
