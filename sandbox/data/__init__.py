"""Real data services for what the account has: PostgreSQL clusters, and AWS's own data services."""
