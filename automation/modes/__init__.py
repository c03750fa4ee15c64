"""The three computes side by side for one service: what each can do, what it costs, and which one to take."""
