"""Whether the DR region of a mirror set could take over now: checks by schedule, one metric, one report."""
