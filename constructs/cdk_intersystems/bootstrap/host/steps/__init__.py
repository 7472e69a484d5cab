"""The steps of each role, in their order. A step is a function; its name is the log line, and what is signalled if it fails."""
