"""The router of a mirror set: it leads clients to the member that holds the newest route epoch."""
