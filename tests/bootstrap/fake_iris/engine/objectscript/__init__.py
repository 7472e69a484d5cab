"""As much of ObjectScript as scripts on hosts need: enough commands, functions and classes to run them, and an error for all
others.

The language is that of the ObjectScript Reference. A terminal takes one line at a time; routines and class methods may be
loaded from files. What a class of the system does is in system_calls.py.
"""
