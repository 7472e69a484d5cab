"""Alarms on what a deployment runs on."""
