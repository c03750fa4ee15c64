"""What the account says runs, really run: fronts, functions, containers, and what scales and guards them.

One process for an account, started by `up`. The account is what should be; this process makes it so, and whatever it
tells of a status is what a process did or what was measured.
"""
