"""What people do with a stack that is up: look at it, read its logs, get into it, scale it, start it anew."""
