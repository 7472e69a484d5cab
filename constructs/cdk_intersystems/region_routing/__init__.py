"""What watches both regions of a mirror set, and what leads clients to the one that holds the traffic."""
