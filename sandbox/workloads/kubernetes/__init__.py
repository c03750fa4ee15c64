"""Releases of charts as pods that are processes: what a cluster's controllers and nodes would do with them."""
