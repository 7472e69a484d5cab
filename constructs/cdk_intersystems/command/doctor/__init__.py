"""Checks whether an account is ready for a deployment: small functions, each with the clients that it asks."""
