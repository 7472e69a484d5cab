"""The customer-managed key a deployment's data is encrypted with."""
