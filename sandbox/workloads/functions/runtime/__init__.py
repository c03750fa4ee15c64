"""What runs in a function's process; nothing here imports the sandbox."""
