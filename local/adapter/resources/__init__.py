"""CloudFormation resource types: what ministack lacks, and what it makes too loosely."""
