"""The drill: a deployed mirror set as real processes of this machine, fault after fault; `make drill`."""
