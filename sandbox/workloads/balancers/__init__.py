"""Application load balancers: listeners, rules, target groups, and whether targets are healthy."""
