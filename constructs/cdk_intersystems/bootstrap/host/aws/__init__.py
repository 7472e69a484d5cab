"""What a host asks of AWS: one small module a service. Requests are signed and repeated by `first_boot.py`."""
