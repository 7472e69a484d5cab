"""What the bootstrap does to a host before anything of IRIS is on it: packages, users, kernel, clock, volumes."""
