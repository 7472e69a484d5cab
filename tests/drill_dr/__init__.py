"""The drill of disaster recovery: two deployed regions as processes of this machine, one of which is lost; `make drill-dr`."""
