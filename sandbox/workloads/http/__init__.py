"""HTTP as all fronts speak it: messages, a server that stays up whoever calls it, and a client for what is behind."""
