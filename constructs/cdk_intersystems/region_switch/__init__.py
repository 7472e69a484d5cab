"""A plan of AWS's Region switch, for those who have all their moves between regions there."""
