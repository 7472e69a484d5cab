"""Programs that run beside the hosts: clients, and who answers for names."""
