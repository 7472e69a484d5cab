"""EC2 actions that behave as AWS documents, in place of ministack's.

The records live in ministack's own stores, because its other services read them there (target groups, Systems
Manager, Auto Scaling); they have the shape of AWS's answers, so that an answer is a record written out.
"""
