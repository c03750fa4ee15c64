"""Real data services for what the account has: PostgreSQL clusters, and AWS's own data services.

`client` starts, describes and stops them, `environment` turns what a function, task or pod is told into what it must be
told here, and `works` is what the control plane calls when the account changes.
"""
