"""What the embedded AWS adds to ministack, and what it puts in ministack's place.

Everything below this package runs inside the emulator's own process, whose Python is that of `.venv-aws`; it
imports ministack, botocore and the standard library only.
"""
