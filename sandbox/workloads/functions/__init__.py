"""Lambda: the functions of the account in the client that AWS's own runtime uses, and what calls them by itself."""
