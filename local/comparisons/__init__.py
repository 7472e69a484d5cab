"""For each resource type: how the emulator's service APIs describe it, and where each property is in there."""
